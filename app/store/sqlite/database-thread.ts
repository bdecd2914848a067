import { Worker } from "node:worker_threads";
import { newEntryPoint } from "../../bundle/entry-points.ts";
import type { DatabaseAnswer, DatabaseOptions, DatabaseRequest } from "./database.ts";
import type { WorkerReply, WorkerRequest } from "./worker.ts";

/** A thread's memory is short-lived, so the limits keep the process small. */
const MEMORY_LIMITS = { maxYoungGenerationSizeMb: 12, maxOldGenerationSizeMb: 256 };

/** A {@link SqliteDatabase} in a thread of its own. */
export class DatabaseThread {
  #worker: Worker;
  #next = 1;
  #pending = new Map<number, { resolve: (answer: DatabaseAnswer) => void; reject: (e: Error) => void }>();
  #dead: Error | undefined;

  constructor(options: DatabaseOptions, onChange: () => void) {
    this.#worker = new Worker(newEntryPoint("store-thread"), {
      workerData: options,
      resourceLimits: MEMORY_LIMITS,
    });
    this.#worker.on("message", (reply: WorkerReply) => {
      if ("change" in reply) return onChange();
      this.#pending.get(reply.id)?.resolve(reply);
      this.#pending.delete(reply.id);
    });
    const fail = (error: Error) => {
      this.#dead = error;
      for (const waiting of this.#pending.values()) waiting.reject(error);
      this.#pending.clear();
    };
    this.#worker.on("error", fail);
    this.#worker.on("exit", () => fail(new Error("the store's thread has ended")));
  }

  /** Whether it has nothing to answer, and lives. */
  get isIdle(): boolean {
    return this.#pending.size === 0 && this.#dead === undefined;
  }

  ask(request: DatabaseRequest): Promise<DatabaseAnswer> {
    if (this.#dead) return Promise.reject(this.#dead);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...request } satisfies WorkerRequest);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
