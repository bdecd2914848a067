import type { IBackoff } from "cockatiel";

/**
 * A pause of `ms` for a circuit breaker of cockatiel, by a clock that only grows. Cockatiel compares
 * `duration` with the wall clock, which may be set back by hours. So the pause is endless until it is over,
 * and then zero.
 */
export function monotonicPause(ms: number, monotonic: () => number): Pick<IBackoff<unknown>, "next"> {
  return {
    next: () => {
      const until = monotonic() + ms;
      return {
        get duration() {
          return monotonic() < until ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
        },
        next: () => monotonicPause(ms, monotonic).next(undefined),
      };
    },
  };
}
