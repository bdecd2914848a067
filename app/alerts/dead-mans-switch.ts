import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { reasonOf } from "./post-json.ts";

const LOOK_MS = 1_000;
const CALL_LIMIT_MS = 10_000;
/** A call that failed is made again this soon. */
const AGAIN_MS = 5_000;

export interface DeadMansSwitchOptions {
  /** A secret, as whoever knows it can pretend that all is well. */
  url: string;
  intervalMs: number;
  clock: Clock;
  /** Whether this instance is the one that calls. */
  canRun: () => boolean;
  log: Logger;
}

/**
 * Calls an address again and again while all is well. A service elsewhere tells people when the calls cease: that is
 * when no instance is left that could.
 */
export class DeadMansSwitch {
  #o: DeadMansSwitchOptions;
  #timer: NodeJS.Timeout | undefined;
  #abort = new AbortController();
  #dueAt = Number.NEGATIVE_INFINITY;
  #calling: Promise<void> | undefined;

  constructor(options: DeadMansSwitchOptions) {
    this.#o = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), Math.min(LOOK_MS, this.#o.intervalMs));
    this.#look();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#abort.abort();
    await this.#calling;
  }

  #look(): void {
    const { clock, canRun, intervalMs } = this.#o;
    if (!canRun()) {
      // Whoever comes to be the one calls at once.
      this.#dueAt = Number.NEGATIVE_INFINITY;
      return;
    }
    if (this.#calling || clock.monotonic() < this.#dueAt) return;
    this.#dueAt = clock.monotonic() + intervalMs;
    this.#calling = this.#call().finally(() => {
      this.#calling = undefined;
    });
  }

  async #call(): Promise<void> {
    const { url, clock, intervalMs, log } = this.#o;
    try {
      const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(CALL_LIMIT_MS)]);
      const response = await fetch(url, { redirect: "manual", signal });
      await response.body?.cancel();
      if (response.ok) return;
      log.warn(`the dead man's switch answered ${response.status}`);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      log.warn(`the dead man's switch: ${reasonOf(error)}`);
    }
    this.#dueAt = clock.monotonic() + Math.min(AGAIN_MS, intervalMs);
  }
}
