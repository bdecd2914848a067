/**
 * GitHub accepts 80 content-creating calls a minute and 500 an hour. A Deployment and each of its statuses
 * are such calls. The difference is left for issues, and for the calls of an earlier process.
 * @see
 * https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
 */
const LIMITS: Limit[] = [
  { windowMs: 60_000, most: 70 },
  { windowMs: 3_600_000, most: 450 },
];
/** Intermediate statuses are posted while either limit allows it. The rest is kept for final statuses. */
const LIMITS_ON_THE_WAY: Limit[] = [
  { windowMs: 3_600_000, most: 100 },
  { windowMs: 600_000, most: 25 },
];
/** Older calls do not matter, and a server without limits may take many. */
const MOST_KEPT = Math.max(...LIMITS.map(({ most }) => most));
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 15 * 60_000;

interface Limit {
  windowMs: number;
  most: number;
}

/** The recent content-creating calls of an account, by the store's clock (ms). */
export interface ContentPace {
  /** The newest calls, oldest first; none is older than an hour. */
  calls: readonly number[];
  pausedUntil: number;
  /** How many times in a row GitHub asked for a pause. */
  pauses: number;
}

/** How long content-creating calls have to wait (ms); 0 when they may be made now. */
export function contentWait(
  { calls, pausedUntil }: ContentPace,
  { now, cost, onTheWay, limited }: { now: number; cost: number; onTheWay: boolean; limited: boolean },
): number {
  const pause = Math.max(0, pausedUntil - now);
  if (!limited) return pause;
  const waits = (limits: Limit[]) => limits.map((limit) => waitFor(limit, calls, now, cost));
  return Math.max(pause, ...waits(LIMITS), onTheWay ? Math.min(...waits(LIMITS_ON_THE_WAY)) : 0);
}

/** The pace after `cost` more calls. */
export function spent(pace: ContentPace, now: number, cost: number): ContentPace {
  // A time in the future comes from a clock that has been set back since.
  const calls = pace.calls.filter((at) => at > now - 3_600_000).map((at) => Math.min(at, now));
  return { ...pace, calls: [...calls, ...Array.from({ length: cost }, () => now)].slice(-MOST_KEPT) };
}

/** The pace after GitHub asked for a pause of `askedMs`; null where GitHub named no time. */
export function paused(pace: ContentPace, now: number, askedMs: number | null): ContentPace {
  const growing = Math.min(FIRST_PAUSE_MS * 2 ** pace.pauses, LONGEST_PAUSE_MS);
  const until = now + (askedMs ?? growing);
  return { ...pace, pausedUntil: Math.max(pace.pausedUntil, until), pauses: pace.pauses + 1 };
}

function waitFor({ windowMs, most }: Limit, calls: readonly number[], now: number, cost: number): number {
  const recent = calls.filter((at) => at > now - windowMs);
  const tooMany = recent.length + cost - most;
  return tooMany <= 0 ? 0 : Math.max(0, (recent[tooMany - 1] ?? now) + windowMs - now);
}
