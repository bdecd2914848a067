import type { Clock } from "../clock.ts";

/** Anyone at GitHub can prove who they are: so many keys are remembered at most. */
const MAX_KEPT = 10_000;

/** A rate limit per key: `burst` events at once, then one every `everyMs`. */
export class RateLimiter {
  #clock: Clock;
  #burst: number;
  #everyMs: number;
  /** For each key, the time at which its whole burst is free again. */
  #free = new Map<string, number>();

  constructor(clock: Clock, { burst, everyMs }: { burst: number; everyMs: number }) {
    this.#clock = clock;
    this.#burst = burst;
    this.#everyMs = everyMs;
  }

  /** Takes one event of `key`'s allowance. Returns null, or the milliseconds to wait when none is left. */
  take(key: string): number | null {
    const now = this.#clock.monotonic();
    const free = Math.max(this.#free.get(key) ?? now, now);
    const wait = free + this.#everyMs - this.#burst * this.#everyMs - now;
    if (wait > 0) return wait;
    this.#free.delete(key);
    this.#free.set(key, free + this.#everyMs);
    for (const oldest of this.#free.keys()) {
      if (this.#free.size <= MAX_KEPT) break;
      this.#free.delete(oldest);
    }
    return null;
  }

  /** Gives the last taken event back. */
  giveBack(key: string): void {
    const free = this.#free.get(key);
    if (free !== undefined) this.#free.set(key, free - this.#everyMs);
  }
}
