import { compareOrder } from "../../app/queue/order.ts";
import type { Store } from "../../app/store/store.ts";
import { TARGETS } from "./targets.ts";

/** Without any change in the store for so long, the queue is stuck: longer than `order_wait`, on the slowest machine. */
const STUCK_MS = 150_000;

/** Watches the store while it works: what must hold at every moment, and when everything is done. */
export class Observer {
  /** What did not hold, in words. */
  readonly violations = new Set<string>();
  /** Why a look failed, for the report; the next one may succeed. */
  readonly failedLooks: string[] = [];
  /** How many deployments have each status, as last seen. */
  statuses: Record<string, number> = {};
  #store: Store;
  #marks = new Map<string, { runId: number; runAttempt: number }>();
  #looking: Promise<void> = Promise.resolve();
  #pending = false;
  #listeners = new Set<() => void>();
  #unwatch: () => void;
  #changedAt = Date.now();
  #seen = "";

  constructor(store: Store) {
    this.#store = store;
    this.#unwatch = store.onChange(() => this.#look());
    this.#look();
  }

  async close(): Promise<void> {
    this.#unwatch();
    await this.#looking;
  }

  /** Resolves with true when nothing waits or runs any more, or with false when nothing moves. */
  untilSettled(): Promise<boolean> {
    return this.#until(() => !this.statuses.queued && !this.statuses.running);
  }

  /** Resolves with true when GitHub has been told everything, or with false when that does not go on. */
  untilToldGitHub(): Promise<boolean> {
    return this.#until(() => this.statuses.outbox === 0);
  }

  #until(reached: () => boolean): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const look = () => {
      if (reached()) resolve(true);
    };
    const timer = setInterval(() => {
      if (Date.now() - this.#changedAt > STUCK_MS) resolve(false);
    }, 1_000);
    this.#listeners.add(look);
    this.#look();
    this.#changedAt = Date.now();
    return promise.finally(() => {
      clearInterval(timer);
      this.#listeners.delete(look);
    });
  }

  /** Looks once more after the look that is under way. */
  #look(): void {
    if (this.#pending) return;
    this.#pending = true;
    this.#looking = this.#looking.then(() => {
      this.#pending = false;
      return this.#lookNow().catch((error: Error) => void this.failedLooks.push(error.message));
    });
  }

  async #lookNow(): Promise<void> {
    const [marks, running, counts, outbox] = await Promise.all([
      this.#store.read.selectFrom("targets").selectAll().execute(),
      this.#store.read
        .selectFrom("deployments")
        .select(["id", "target", "lock", "holder", "attempt"])
        .where("status", "=", "running")
        .execute(),
      this.#store.read
        .selectFrom("deployments")
        .select((e) => ["status", e.fn.countAll<number>().as("count"), e.fn.max("token").as("token")])
        .groupBy("status")
        .execute(),
      this.#store.read
        .selectFrom("outbox")
        .select((e) => e.fn.countAll<number>().as("count"))
        .executeTakeFirstOrThrow(),
    ]);
    for (const { target, mark_run_id, mark_run_attempt } of marks) {
      const mark = { runId: mark_run_id, runAttempt: mark_run_attempt };
      const before = this.#marks.get(target);
      if (before && compareOrder(mark, before) < 0)
        this.violations.add(
          `the mark of ${target} fell from ${JSON.stringify(before)} to ${JSON.stringify(mark)}`,
        );
      this.#marks.set(target, mark);
    }
    for (const key of [...TARGETS.map(({ name }) => name), "lock backend"]) {
      const there = running.filter((row) => row.target === key || `lock ${row.lock}` === key);
      if (there.length > 1)
        this.violations.add(`several stand as running for ${key}: ${JSON.stringify(there)}`);
    }
    this.statuses = Object.fromEntries(counts.map(({ status, count }) => [status, Number(count)]));
    this.statuses.outbox = Number(outbox.count);
    const seen = JSON.stringify([counts, outbox]);
    if (seen !== this.#seen) this.#changedAt = Date.now();
    this.#seen = seen;
    for (const listener of this.#listeners) listener();
  }
}
