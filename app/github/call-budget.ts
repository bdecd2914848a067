import type { Clock } from "../clock.ts";
import type { GitHubCall } from "./app.ts";

/** The assumed limit until GitHub has named one: GitHub's smallest. */
const ASSUMED_LIMIT = 5_000;
/** This part of the hour's calls is kept for calls that somebody waits for. */
const RESERVE = 0.2;
const HOUR_MS = 60 * 60_000;
/** A scan may spend its share for this time at once, but no more within this time. */
const WINDOW_MS = 10 * 60_000;
/** Timers are not exact: a place that is due within this time counts as due. */
const SLACK_MS = 5_000;

interface Hour {
  limit: number;
  remaining: number;
  /** When the next hour begins (ms, monotonic). */
  resetsAt: number;
}

/** Few calls are left in this hour, and this one can wait. It looks like GitHub's own rate limit answer (429). */
export class CallsReservedError extends Error {
  override readonly name = "CallsReservedError";
  readonly status = 429;
  readonly response: { headers: Record<string, string> };
  constructor(waitMs: number) {
    super(
      `GitHub allows few more calls in this hour, and they are kept for the webhook's URL, statuses and rights; retry in ${Math.ceil(waitMs / 1000)} s`,
    );
    this.response = { headers: { "retry-after": String(Math.ceil(waitMs / 1000)) } };
  }
}

/**
 * The calls that are left in this hour, by the headers of GitHub's answers. The keys are `app` for the App's own calls,
 * and the account's login for those of an installation. A server without a limit sends no such headers: then nothing is
 * limited here.
 */
export class CallBudget {
  #clock: Clock;
  /** By `app` or login; null if the server sets no limit. */
  #hours = new Map<string, Hour | null>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes note of an answer's rate limit. */
  note({ account, result, rateLimit }: Pick<GitHubCall, "account" | "result" | "rateLimit">): void {
    if (account === null) return;
    if (rateLimit === null) {
      // A failed answer may be a proxy's, so only a good one shows that there is no limit.
      if (result === "ok") this.#hours.set(account, null);
      return;
    }
    const { resource, limit, remaining, resetInMs } = rateLimit;
    if (resource !== "core") return;
    this.#hours.set(account, { limit, remaining, resetsAt: this.#clock.monotonic() + resetInMs });
  }

  /** The calls that GitHub allows an account in an hour; null if it sets no limit. */
  limitOf(account: string): number | null {
    const hour = this.#hours.get(account);
    return hour === null ? null : (hour?.limit ?? ASSUMED_LIMIT);
  }

  /** How long a call that can wait must wait (ms); 0 while enough calls are left. */
  restOf(account: string): number {
    const hour = this.#hours.get(account);
    if (!hour || hour.remaining >= hour.limit * RESERVE) return 0;
    return Math.max(0, hour.resetsAt - this.#clock.monotonic());
  }

  /** @throws {CallsReservedError} while a call that can wait must wait. */
  checkRest(account: string): void {
    const wait = this.restOf(account);
    if (wait > 0) throw new CallsReservedError(wait);
  }
}

/** The places of one account, and the limits of a scan, as the input of `placesToScan`. */
export interface ScanPlan<P> {
  places: readonly P[];
  /** When a place was last scanned (ms); null if never. */
  scannedAt: (place: P) => number | null;
  now: number;
  /** How often each place is scanned if calls allow it (ms). */
  everyMs: number;
  /** The calls that the scan may spend in an hour; null without a limit. */
  callsPerHour: number | null;
  /** Whether all places are due, whenever they were scanned. */
  all: boolean;
}

/**
 * The time from one scan of a place to the next (ms). It grows with the number of places once they would need more
 * calls than the scan may spend.
 */
export function scanInterval(places: number, everyMs: number, callsPerHour: number | null): number {
  return callsPerHour === null ? everyMs : Math.max(everyMs, (places / callsPerHour) * HOUR_MS);
}

/** The due places to scan now, longest wait first, as many as calls allow. */
export function placesToScan<P>({ places, scannedAt, now, everyMs, callsPerHour, all }: ScanPlan<P>): P[] {
  const interval = scanInterval(places.length, everyMs, callsPerHour);
  const known = places.map((place) => {
    const at = scannedAt(place);
    // A time in the future means that the clock was set back since.
    return { place, age: at === null || at > now ? Number.POSITIVE_INFINITY : now - at };
  });
  const recent = known.filter(({ age }) => age < WINDOW_MS - SLACK_MS).length;
  const most =
    callsPerHour === null
      ? places.length
      : Math.max(0, Math.ceil((callsPerHour * WINDOW_MS) / HOUR_MS) - recent);
  return known
    .filter(({ age }) => all || age >= interval - SLACK_MS)
    .toSorted((a, b) => (a.age === b.age ? 0 : b.age - a.age))
    .slice(0, most)
    .map(({ place }) => place);
}
