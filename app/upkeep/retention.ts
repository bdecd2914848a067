import { setImmediate as nextTurn } from "node:timers/promises";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { RetentionConfig } from "../config/schema.ts";
import type { ControllerLease } from "../failover/controller-lease.ts";
import type { Store } from "../store/store.ts";
import { deleteDeliveries, deleteDeployments, deleteHistory, deleteLogs } from "./delete-old.ts";
import { Scheduler, type Task } from "./scheduler.ts";

const EVERY_MS = 60 * 60_000;

export interface RetentionOptions {
  store: Store;
  clock: Clock;
  log: Logger;
  /** Only the controller deletes. */
  lease: ControllerLease;
  retention: RetentionConfig;
}

/** Deletes records that are older than their retention time: every hour, a few rows at a time. */
export class Retention {
  #o: RetentionOptions;
  #scheduler: Scheduler<Task>;

  constructor(options: RetentionOptions) {
    this.#o = options;
    this.#scheduler = new Scheduler<Task>({
      tasks: [{ name: "the deleting of old records", everyMs: EVERY_MS }],
      work: async (_due, signal) => {
        await this.#deleteOld(signal);
        return new Map();
      },
      canRun: () => options.lease.held,
      clock: options.clock,
      log: options.log,
    });
  }

  start(): void {
    void this.#scheduler.runNow();
  }

  close(): Promise<void> {
    return this.#scheduler.close();
  }

  async #deleteOld(signal: AbortSignal): Promise<void> {
    const { store, lease, clock, log, retention } = this.#o;
    const now = clock.now();
    const before = now - retention.deployments;
    const deletion = {
      store,
      lease,
      pause: async () => {
        await nextTurn();
        signal.throwIfAborted();
      },
    };
    const deliveries = await deleteDeliveries(deletion, { idle: now - retention.deliveries, all: before });
    // Logs first, so that no log outlives its deployment.
    const logs = await deleteLogs(deletion, Math.max(now - retention.logs, before));
    const deployments = await deleteDeployments(deletion, before);
    const history = await deleteHistory(deletion, before);
    if (deliveries + logs + deployments + history > 0)
      log.info({ deliveries, logs, deployments, history }, "deleted old records");
  }
}
