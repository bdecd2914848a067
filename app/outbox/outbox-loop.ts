import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { Store } from "../store/store.ts";
import { WakeLoop } from "../wake-loop.ts";
import {
  claimOutbox,
  completeOutbox,
  nextInOutbox,
  type OutboxItem,
  type OutboxTable,
  postponeOutbox,
} from "./outbox-lease.ts";

/** While nothing may be sent, what comes meanwhile is looked at no more often than this. */
const PAUSE_MS = 1_000;

/** What a failure means for the thing that was to be sent. */
export type AfterFailure =
  /** It is never sent. */
  | "drop"
  /** It is sent after this time; nothing else is before `pauseMs` have passed. */
  | { delayMs: number; pauseMs?: number };

export interface OutboxLoopOptions<I extends OutboxItem<unknown>> {
  table: OutboxTable;
  store: Store;
  clock: Clock;
  /** Distinguishes this sender from every other. */
  holder: string;
  /** Claims the next thing to send, or tells how long nothing may be sent; without it, the oldest of a line is next. */
  claim?: () => Promise<I | { waitMs: number } | null>;
  /** Sends one thing, in less time than its lease lasts. */
  send: (item: I, signal: AbortSignal) => Promise<void>;
  /** Judges why it was not sent. The error's message is kept in the store, and must hold no secret. */
  onFailure: (error: Error, item: I) => AfterFailure;
  log: Logger;
}

/**
 * Sends what an outbox holds. Any instance may; a lease per thing and the order within a line see to it that the
 * receiver hears everything once, and in order. One that is slow or down delays it, and nothing else.
 */
export class OutboxLoop<I extends OutboxItem<unknown>> {
  #o: OutboxLoopOptions<I>;
  #claim: () => Promise<I | { waitMs: number } | null>;
  #loop: WakeLoop;
  #unwatch: (() => void) | undefined;
  /** Nothing is sent before this time (monotonic). */
  #pausedUntil = 0;

  constructor(options: OutboxLoopOptions<I>) {
    this.#o = options;
    const { store, clock, table, holder, log } = options;
    this.#claim = options.claim ?? (() => claimOutbox(store, table, holder) as Promise<I | null>);
    this.#loop = new WakeLoop({
      step: (signal) => this.#work(signal),
      clock,
      retryMs: 1_000,
      onTrouble: ({ message }) =>
        log.warn({ outbox: table.name }, `the outbox cannot be worked on: ${message}`),
    });
  }

  /** Begins, and looks at every change of the store, unless its user wakes it when there is something. */
  start({ watch = true } = {}): void {
    if (watch) this.#unwatch = this.#o.store.onChange(() => this.wake());
    this.wake();
  }

  async close(): Promise<void> {
    this.#unwatch?.();
    await this.#loop.close();
  }

  /** Sends what can be sent now, if that is not being done already. */
  wake(): void {
    this.#loop.wake();
  }

  /** Returns how long until something may be sent, or null while there is nothing. */
  async #work(signal: AbortSignal): Promise<number | null> {
    const { store, table, clock } = this.#o;
    for (;;) {
      const pause = this.#pausedUntil - clock.monotonic();
      if (pause > 0) return pause;
      // Looking first costs no write where there is nothing to do.
      const at = await nextInOutbox(store, table);
      if (at === null) return null;
      const now = await store.now(store.read);
      const item = at <= now ? await this.#claim() : null;
      if (item && "waitMs" in item) {
        // Word of something else may be sent before: it is looked for now and then.
        this.#pausedUntil = clock.monotonic() + Math.min(item.waitMs, PAUSE_MS);
        return Math.min(item.waitMs, 60_000);
      }
      if (!item) return Math.min(Math.max(at - now, 1_000), 60_000);
      if (signal.aborted) {
        await postponeOutbox(store, table, item, { delayMs: 0, error: "shutting down" });
        return null;
      }
      await this.#send(item);
    }
  }

  async #send(item: I): Promise<void> {
    const { store, table, clock, send, onFailure } = this.#o;
    try {
      await send(item, this.#loop.signal);
    } catch (thrown) {
      const error = thrown as Error;
      const next = this.#loop.signal.aborted ? { delayMs: 0 } : onFailure(error, item);
      if (next !== "drop") {
        if (next.pauseMs !== undefined) this.#pausedUntil = clock.monotonic() + next.pauseMs;
        return postponeOutbox(store, table, item, { delayMs: next.delayMs, error: error.message });
      }
    }
    await completeOutbox(store, table, item);
  }
}
