import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { Store } from "../store/store.ts";
import {
  claimOutbox,
  completeOutbox,
  nextInOutbox,
  type OutboxItem,
  type OutboxTable,
  postponeOutbox,
} from "./outbox-lease.ts";

/** What a failure means for the thing that was to be sent. */
export type AfterFailure =
  /** It is never sent. */
  | "drop"
  /** It is sent after this time; nothing else is before `pauseMs` have passed. */
  | { delayMs: number; pauseMs?: number };

export interface OutboxLoopOptions<B> {
  table: OutboxTable;
  store: Store;
  clock: Clock;
  /** Distinguishes this sender from every other. */
  holder: string;
  /** Sends one thing, in less time than its lease lasts. */
  send: (item: OutboxItem<B>, signal: AbortSignal) => Promise<void>;
  /** Judges why it was not sent. The error's message is kept in the store, and must hold no secret. */
  onFailure: (error: Error, item: OutboxItem<B>) => AfterFailure;
  log: Logger;
}

/**
 * Sends what an outbox holds. Any instance may; a lease per thing and the order within a line see to it that the
 * receiver hears everything once, and in order. One that is slow or down delays it, and nothing else.
 */
export class OutboxLoop<B> {
  #o: OutboxLoopOptions<B>;
  #abort = new AbortController();
  #working: Promise<void> | undefined;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #unwatch: (() => void) | undefined;
  /** Why it cannot be read, once that was said. */
  #trouble = "";
  /** Nothing is sent before this time (monotonic). */
  #pausedUntil = 0;

  constructor(options: OutboxLoopOptions<B>) {
    this.#o = options;
  }

  /** Begins, and looks at every change of the store, unless its user wakes it when there is something. */
  start({ watch = true } = {}): void {
    if (watch) this.#unwatch = this.#o.store.onChange(() => this.wake());
    this.wake();
  }

  async close(): Promise<void> {
    this.#abort.abort();
    clearTimeout(this.#timer);
    this.#unwatch?.();
    await this.#working;
  }

  /** Sends what can be sent now, if that is not being done already. */
  wake(): void {
    this.#again = true;
    if (this.#working || this.#abort.signal.aborted) return;
    this.#working = this.#work()
      .then(() => {
        this.#trouble = "";
      })
      .catch((error: Error) => {
        if (error.message !== this.#trouble)
          this.#o.log.warn(
            { outbox: this.#o.table.name },
            `the outbox cannot be worked on: ${error.message}`,
          );
        this.#trouble = error.message;
        this.#schedule(1_000);
      })
      .finally(() => {
        this.#working = undefined;
        if (this.#again) this.wake();
      });
  }

  async #work(): Promise<void> {
    const { store, table, clock, holder } = this.#o;
    this.#again = false;
    clearTimeout(this.#timer);
    for (;;) {
      const pause = this.#pausedUntil - clock.monotonic();
      if (pause > 0) {
        this.#again = false;
        return this.#schedule(pause);
      }
      // Looking first costs no write where there is nothing to do.
      const at = await nextInOutbox(store, table);
      if (at === null) return;
      const now = await store.now(store.read);
      const item = at <= now ? await claimOutbox<B>(store, table, holder) : null;
      if (!item) return this.#schedule(Math.min(Math.max(at - now, 1_000), 60_000));
      if (this.#abort.signal.aborted)
        return postponeOutbox(store, table, item, { delayMs: 0, error: "shutting down" });
      await this.#send(item);
    }
  }

  #schedule(delayMs: number): void {
    if (this.#abort.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.wake(), delayMs);
  }

  async #send(item: OutboxItem<B>): Promise<void> {
    const { store, table, clock, send, onFailure } = this.#o;
    try {
      await send(item, this.#abort.signal);
    } catch (thrown) {
      const error = thrown as Error;
      const next = this.#abort.signal.aborted ? { delayMs: 0 } : onFailure(error, item);
      if (next !== "drop") {
        if (next.pauseMs !== undefined) this.#pausedUntil = clock.monotonic() + next.pauseMs;
        return postponeOutbox(store, table, item, { delayMs: next.delayMs, error: error.message });
      }
    }
    await completeOutbox(store, table, item);
  }
}
