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

/** While nothing may be sent, new items are checked no more often than this. */
const PAUSE_MS = 1_000;

/** What to do with an item after a failure. */
export type AfterFailure =
  /** Never send it. */
  | "drop"
  /** Send it after this time, and nothing else before `pauseMs` have passed. */
  | { delayMs: number; pauseMs?: number };

export interface OutboxLoopOptions<I extends OutboxItem<unknown>> {
  table: OutboxTable;
  store: Store;
  clock: Clock;
  /** Distinguishes this sender from every other. */
  holder: string;
  /**
   * Claims the next item, or returns how long nothing may be sent. Default: the oldest first item of a line.
   */
  claim?: () => Promise<I | { waitMs: number } | null>;
  /** Sends one item, in less time than its lease lasts. */
  send: (item: I, signal: AbortSignal) => Promise<void>;
  /** Decides by the error. The error's message is kept in the store, and must hold no secret. */
  onFailure: (error: Error, item: I) => AfterFailure;
  log: Logger;
}

/**
 * Sends the items of an outbox. Every instance runs this loop. A lease per item lets one instance send it,
 * and each line stays in order. A slow or unreachable receiver delays its own items, and nothing else.
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
        log.warn({ outbox: table.name }, `cannot send from the outbox, retry in 1 s: ${message}`),
    });
  }

  /**
   * Starts the loop. With `watch` it wakes at every change of the store; without it, the owner calls {@link
   * wake}.
   */
  start({ watch = true } = {}): void {
    if (watch) this.#unwatch = this.#o.store.onChange(() => this.wake());
    this.wake();
  }

  async close(): Promise<void> {
    this.#unwatch?.();
    await this.#loop.close();
  }

  /** Sends all items that may be sent now, unless that is under way. */
  wake(): void {
    this.#loop.wake();
  }

  /** Returns how long until something may be sent, or null while there is nothing. */
  async #work(signal: AbortSignal): Promise<number | null> {
    const { store, table, clock } = this.#o;
    for (;;) {
      const pause = this.#pausedUntil - clock.monotonic();
      if (pause > 0) return pause;
      // A read first: it saves the write of a claim where the outbox is empty.
      const at = await nextInOutbox(store, table);
      if (at === null) return null;
      const now = await store.now(store.read);
      const item = at <= now ? await this.#claim() : null;
      if (item && "waitMs" in item) {
        // Items of another line may be sent earlier, so check again soon.
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
