import type { Clock } from "../clock.ts";
import type { GitHubCall } from "./app.ts";

/** What GitHub allows an installation at least; taken for the limit until GitHub has said one. */
const ASSUMED_LIMIT = 5_000;
/** Below this part of the hour's calls, only calls that somebody waits for are made. */
const RESERVE = 0.2;
const HOUR_MS = 60 * 60_000;
/** A scan spends what its share allows for this time at once, and no more within it. */
const WINDOW_MS = 10 * 60_000;
/** Timers are not exact: what is due so soon is due. */
const SLACK_MS = 5_000;

interface Hour {
  limit: number;
  remaining: number;
  /** When the next hour begins (ms, monotonic). */
  resetsAt: number;
}

/** Few calls are left of the hour, and this one can wait. It reads like GitHub's own answer to too many. */
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
 * What is left of the hour's calls, as GitHub's answers tell: of the App's own (`app`), and of each account's
 * installation, by the account's login. A server that sets no limit tells nothing, and nothing is planned then.
 */
export class CallBudget {
  #clock: Clock;
  /** Null where the server sets no limit. */
  #hours = new Map<string, Hour | null>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes note of what an answer says. */
  note({ account, result, rateLimit }: Pick<GitHubCall, "account" | "result" | "rateLimit">): void {
    if (account === null) return;
    if (rateLimit === null) {
      // Also a proxy may have answered, but not well.
      if (result === "ok") this.#hours.set(account, null);
      return;
    }
    const { resource, limit, remaining, resetInMs } = rateLimit;
    if (resource !== "core") return;
    this.#hours.set(account, { limit, remaining, resetsAt: this.#clock.monotonic() + resetInMs });
  }

  /** The calls that GitHub allows an account in an hour; null where it sets no limit. */
  limitOf(account: string): number | null {
    const hour = this.#hours.get(account);
    return hour === null ? null : (hour?.limit ?? ASSUMED_LIMIT);
  }

  /** How long a call that can wait has to (ms); 0 while enough calls are left. */
  restOf(account: string): number {
    const hour = this.#hours.get(account);
    if (!hour || hour.remaining >= hour.limit * RESERVE) return 0;
    return Math.max(0, hour.resetsAt - this.#clock.monotonic());
  }

  /** @throws {CallsReservedError} while a call that can wait has to. */
  checkRest(account: string): void {
    const wait = this.restOf(account);
    if (wait > 0) throw new CallsReservedError(wait);
  }
}

/** What is known of the places of one account when the next part of a scan is planned. */
export interface ScanPlan<P> {
  places: readonly P[];
  /** When a place was last scanned (ms); null when it never was. */
  scannedAt: (place: P) => number | null;
  now: number;
  /** How often each place is scanned where calls allow it. */
  everyMs: number;
  /** What the scan may spend; null where nothing limits it. */
  callsPerHour: number | null;
  /** Whether all places are due, whenever they were scanned. */
  all: boolean;
}

/**
 * How long a place waits for its next scan. It grows with the number of places once these would need more calls
 * than the scan may spend.
 */
export function scanInterval(places: number, everyMs: number, callsPerHour: number | null): number {
  return callsPerHour === null ? everyMs : Math.max(everyMs, (places / callsPerHour) * HOUR_MS);
}

/** The places to scan now: those that are due, the one that has waited longest first, as many as calls allow. */
export function placesToScan<P>({ places, scannedAt, now, everyMs, callsPerHour, all }: ScanPlan<P>): P[] {
  const interval = scanInterval(places.length, everyMs, callsPerHour);
  const known = places.map((place) => {
    const at = scannedAt(place);
    // A time to come is of a clock that was set back since.
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
