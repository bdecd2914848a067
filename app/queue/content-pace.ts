/**
 * How much of it GitHub takes: 80 calls a minute and 500 an hour that make new content. A Deployment and each of its
 * statuses are such calls. Some are left for issues, and for what an earlier process sent.
 * @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
 */
const LIMITS: Limit[] = [
  { windowMs: 60_000, most: 70 },
  { windowMs: 3_600_000, most: 450 },
];
/** States on the way are shown while few calls were made in this hour, or lately; the ends need the rest. */
const LIMITS_ON_THE_WAY: Limit[] = [
  { windowMs: 3_600_000, most: 100 },
  { windowMs: 600_000, most: 25 },
];
/** Older calls change nothing, and a server without limits may take many. */
const MOST_KEPT = Math.max(...LIMITS.map(({ most }) => most));
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 15 * 60_000;

interface Limit {
  windowMs: number;
  most: number;
}

/** What was sent lately for an account that GitHub counts as new content, by the store's clock (ms). */
export interface ContentPace {
  /** The newest, the oldest of them first; none is older than an hour. */
  calls: readonly number[];
  pausedUntil: number;
  /** How often in a row GitHub asked to be sent nothing. */
  pauses: number;
}

/** How long calls that make new content have to wait (ms); 0 when they may be made now. */
export function contentWait(
  { calls, pausedUntil }: ContentPace,
  { now, cost, onTheWay, limited }: { now: number; cost: number; onTheWay: boolean; limited: boolean },
): number {
  const pause = Math.max(0, pausedUntil - now);
  if (!limited) return pause;
  const waits = (limits: Limit[]) => limits.map((limit) => waitFor(limit, calls, now, cost));
  return Math.max(pause, ...waits(LIMITS), onTheWay ? Math.min(...waits(LIMITS_ON_THE_WAY)) : 0);
}

/** The pace after that many calls more. */
export function spent(pace: ContentPace, now: number, cost: number): ContentPace {
  // A time to come is of a clock that was set back since.
  const calls = pace.calls.filter((at) => at > now - 3_600_000).map((at) => Math.min(at, now));
  return { ...pace, calls: [...calls, ...Array.from({ length: cost }, () => now)].slice(-MOST_KEPT) };
}

/** The pace after GitHub asked to be sent nothing for so long; null where it did not say how long. */
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
