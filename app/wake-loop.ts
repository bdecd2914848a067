import type { Clock } from "./clock.ts";

export interface WakeLoopOptions {
  /**
   * One step of the work. Returns the time until the next step (ms), or null when only a wake-up calls for one.
   * `signal` aborts when the loop is closed.
   */
  step: (signal: AbortSignal) => Promise<number | null>;
  clock: Clock;
  /** The pause after a step that failed (ms). */
  retryMs: number;
  /** Told of a failure. One with the same message as the last failure is not told again until a step succeeds. */
  onTrouble: (error: Error) => void;
}

/**
 * Runs steps one at a time: at each wake-up, and when a step's pause is over. A wake-up during a step calls for one
 * more step right after it, however many there were.
 */
export class WakeLoop {
  #o: WakeLoopOptions;
  #abort = new AbortController();
  #running: Promise<void> | undefined;
  #again = false;
  #nap: { due: number; abort: AbortController } | undefined;
  #trouble: string | undefined;

  constructor(options: WakeLoopOptions) {
    this.#o = options;
  }

  /** Aborts when the loop is closed. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Steps now, or once more after the present step. */
  wake(): void {
    if (this.signal.aborted) return;
    this.#again = true;
    this.#running ??= this.#run();
  }

  /** Steps after this time (ms), unless a step is due before. */
  wakeIn(ms: number): void {
    const due = this.#o.clock.monotonic() + ms;
    if (this.signal.aborted || this.#again || (this.#nap && this.#nap.due <= due)) return;
    this.#nap?.abort.abort();
    const nap = { due, abort: new AbortController() };
    this.#nap = nap;
    void this.#o.clock.sleep(Math.max(0, ms), nap.abort.signal).then(
      () => {
        if (this.#nap === nap) this.#nap = undefined;
        this.wake();
      },
      () => {},
    );
  }

  /** Ends the loop. Resolves when the present step is done. */
  async close(): Promise<void> {
    this.#abort.abort();
    this.#nap?.abort.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    // Only once `#running` is set, so that a step that wakes its own loop begins no second one beside it.
    await null;
    while (this.#again && !this.signal.aborted) {
      this.#again = false;
      this.#nap?.abort.abort();
      this.#nap = undefined;
      const pause = await this.#step();
      if (pause !== null) this.wakeIn(pause);
    }
    this.#running = undefined;
  }

  async #step(): Promise<number | null> {
    const { step, retryMs, onTrouble } = this.#o;
    try {
      const pause = await step(this.signal);
      this.#trouble = undefined;
      return pause;
    } catch (thrown) {
      const error = thrown as Error;
      if (!this.signal.aborted && error.message !== this.#trouble) onTrouble(error);
      this.#trouble = error.message;
      return retryMs;
    }
  }
}
