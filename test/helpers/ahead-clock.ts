import { type Clock, systemClock } from "../../app/clock.ts";

const STEP_MS = 100;
const TIMES_AS_FAST = 10;

/** The machine's own time, and ahead of it by what passed faster. Who sleeps by it sleeps in real time. */
export class AheadClock implements Clock {
  #ahead = 0;
  now = () => systemClock.now() + this.#ahead;
  monotonic = () => systemClock.monotonic() + this.#ahead;
  sleep = systemClock.sleep;

  /** Time passes ten times as fast until this is settled. */
  until<T>(fact: Promise<T>): Promise<T> {
    const timer = setInterval(() => {
      this.#ahead += STEP_MS * (TIMES_AS_FAST - 1);
    }, STEP_MS);
    return fact.finally(() => clearInterval(timer));
  }
}
