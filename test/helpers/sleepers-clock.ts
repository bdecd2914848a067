import type { Clock } from "../../app/clock.ts";

interface Sleeper {
  until: number;
  wake: () => void;
}

/** A clock that stands still until it is advanced, and tells who sleeps by it: who sleeps has done its work. */
export class SleepersClock implements Clock {
  #start = Math.floor(Date.now() / 1000) * 1000;
  #passed = 0;
  #sleepers = new Set<Sleeper>();
  #onSleep = Promise.withResolvers<void>();

  now(): number {
    return this.#start + this.#passed;
  }

  monotonic(): number {
    return this.#passed;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (act: () => void) => {
        this.#sleepers.delete(sleeper);
        act();
      };
      const sleeper = { until: this.#passed + ms, wake: () => done(resolve) };
      if (signal?.aborted) return reject(signal.reason);
      signal?.addEventListener("abort", () => done(() => reject(signal.reason)), { once: true });
      this.#sleepers.add(sleeper);
      this.#onSleep.resolve();
    });
  }

  /** Resolves once somebody sleeps, with how long the first of them will. */
  async asleep(): Promise<number> {
    while (this.#sleepers.size === 0) {
      this.#onSleep = Promise.withResolvers();
      await this.#onSleep.promise;
    }
    return Math.min(...[...this.#sleepers].map(({ until }) => until)) - this.#passed;
  }

  advance(ms: number): void {
    this.#passed += ms;
    for (const sleeper of [...this.#sleepers]) if (sleeper.until <= this.#passed) sleeper.wake();
  }
}
