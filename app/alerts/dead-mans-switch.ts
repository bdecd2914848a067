import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { reasonOf } from "./post-json.ts";

const LOOK_MS = 1_000;
const CALL_LIMIT_MS = 10_000;
/** The pause after a failed call. */
const AGAIN_MS = 5_000;

export interface DeadMansSwitchOptions {
  /** A secret: anyone who knows it can pretend that all is well. */
  url: string;
  intervalMs: number;
  clock: Clock;
  /** Whether this instance calls: the controller does. */
  canRun: () => boolean;
  log: Logger;
}

/**
 * Calls an address regularly while all is well. A service elsewhere alerts people when the calls stop, since then no
 * instance may be left to do so.
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
      // A new controller calls at once.
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
      log.warn(`calling the dead man's switch failed, will retry: it answered ${response.status}`);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      log.warn(`calling the dead man's switch failed, will retry: ${reasonOf(error)}`);
    }
    this.#dueAt = clock.monotonic() + Math.min(AGAIN_MS, intervalMs);
  }
}
