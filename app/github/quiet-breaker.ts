import { type CircuitState, ConsecutiveBreaker, type IBreaker } from "cockatiel";
import type { Clock } from "../clock.ts";

/**
 * Opens after `failures` failures in a row. After `quietMs` without a failure the count starts anew: a failure a day is
 * no sign that GitHub is down.
 */
export class QuietBreaker implements IBreaker {
  readonly #inner: ConsecutiveBreaker;
  readonly #clock: Clock;
  readonly #quietMs: number;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor({ failures, quietMs, clock }: { failures: number; quietMs: number; clock: Clock }) {
    this.#inner = new ConsecutiveBreaker(failures);
    this.#clock = clock;
    this.#quietMs = quietMs;
  }

  get state(): unknown {
    return this.#inner.state;
  }
  set state(state: unknown) {
    this.#inner.state = state as number;
  }

  success(_state: CircuitState): void {
    this.#inner.success();
  }

  failure(_state: CircuitState): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#failedAt > this.#quietMs) this.#inner.success();
    this.#failedAt = now;
    return this.#inner.failure();
  }
}
