import type { Caller } from "./router.ts";

const HOUR_S = 3600;

/** Requests an hour for each kind of caller. */
export interface HourlyLimits {
  app: number;
  installation: number;
  github_token: number;
  user: number;
  none: number;
}

export const GITHUB_LIMITS: HourlyLimits = {
  app: 5000,
  installation: 5000,
  github_token: 1000,
  user: 5000,
  none: 60,
};

/** How many content-creating requests one caller may send. */
export interface ContentLimits {
  minute: number;
  hour: number;
}

export const GITHUB_CONTENT_LIMITS: ContentLimits = { minute: 80, hour: 500 };

/** Counts requests like GitHub: per hour, and per App, installation, repository or user. */
export class RateLimits {
  readonly limits: HourlyLimits;
  readonly #content: ContentLimits;
  readonly #used = new Map<string, { used: number; reset: number }>();
  /** When each caller created content (ms). */
  readonly #made = new Map<string, number[]>();

  constructor(limits: HourlyLimits, content: ContentLimits) {
    this.limits = limits;
    this.#content = content;
  }

  /** Counts a content-creating request. Returns whether it is within the limits per minute and per hour. */
  countContent(caller: Caller, nowMs: number): boolean {
    const key = keyOf(caller);
    const made = (this.#made.get(key) ?? []).filter((at) => at > nowMs - HOUR_S * 1000);
    made.push(nowMs);
    this.#made.set(key, made);
    const lately = made.filter((at) => at > nowMs - 60_000);
    return lately.length <= this.#content.minute && made.length <= this.#content.hour;
  }

  /** Uncounts the last request: GitHub does not count an answer with 304. */
  takeBack(caller: Caller): Record<string, string> {
    const window = this.#used.get(keyOf(caller));
    if (!window) return {};
    window.used--;
    return rateHeaders(this.limits[caller.kind], window.used, window.reset);
  }

  /** Counts one request. Returns whether it is within the limit, and GitHub's headers about the limit. */
  count(caller: Caller, nowMs: number): { within: boolean; headers: Record<string, string> } {
    const limit = this.limits[caller.kind];
    const now = Math.floor(nowMs / 1000);
    const key = keyOf(caller);
    let window = this.#used.get(key);
    if (!window || window.reset <= now) {
      window = { used: 0, reset: now + HOUR_S };
      this.#used.set(key, window);
    }
    window.used++;
    return { within: window.used <= limit, headers: rateHeaders(limit, window.used, window.reset) };
  }
}

/** GitHub's headers with the rest of the limit and its end. */
export function rateHeaders(limit: number, used: number, resetS: number): Record<string, string> {
  return {
    "x-ratelimit-limit": String(limit),
    "x-ratelimit-remaining": String(Math.max(0, limit - used)),
    "x-ratelimit-reset": String(resetS),
    "x-ratelimit-resource": "core",
    "x-ratelimit-used": String(Math.min(used, limit)),
  };
}

function keyOf(caller: Caller): string {
  if (caller.kind === "installation") return `installation ${caller.installationId}`;
  if (caller.kind === "github_token") return `github_token ${caller.repositories?.join()}`;
  if (caller.kind === "user") return `user ${caller.login}`;
  return caller.kind;
}
