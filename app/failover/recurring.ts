import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { classifyGitHubError } from "../github/github-error.ts";

/** After a failure it is tried again this soon, unless GitHub asks for more. */
const RETRY_MS = 5_000;

/**
 * Work that the controller does again and again: at once when asked, and `everyMs` after it was last done. One
 * at a time, and only while `may` says so.
 */
export class Recurring {
  #name: string;
  #everyMs: number;
  #may: () => boolean;
  #work: (signal: AbortSignal) => Promise<unknown>;
  #clock: Clock;
  #log: Logger;
  #abort = new AbortController();
  #running: Promise<void> | undefined;
  #again = false;
  #notBefore = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: {
    name: string;
    everyMs: number;
    may: () => boolean;
    work: (signal: AbortSignal) => Promise<unknown>;
    clock: Clock;
    log: Logger;
  }) {
    this.#name = options.name;
    this.#everyMs = options.everyMs;
    this.#may = options.may;
    this.#work = options.work;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Does it now, or once more after what is being done. */
  now(): void {
    if (this.#abort.signal.aborted) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    const pause = this.#notBefore - this.#clock.monotonic();
    if (pause > 0) {
      this.#later(pause);
      return;
    }
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.now();
    });
  }

  async close(): Promise<void> {
    this.#abort.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    if (!this.#may()) {
      this.#later(this.#everyMs);
      return;
    }
    try {
      await this.#work(this.#abort.signal);
      this.#later(this.#everyMs);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      const failure = classifyGitHubError(error, this.#clock.now());
      const pause = failure.kind === "rate_limited" ? failure.delayMs : RETRY_MS;
      const remedy = failure.kind === "refused" ? `; ${failure.remedy}` : "";
      this.#log.warn(`${this.#name} is tried again in ${pause} ms: ${(error as Error).message}${remedy}`);
      this.#notBefore = this.#clock.monotonic() + pause;
      this.#later(pause);
    }
  }

  #later(ms: number): void {
    if (this.#abort.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.now(), ms);
  }
}
