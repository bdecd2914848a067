import { flushCompileCache } from "node:module";
import { Kysely } from "kysely";
import { entryPoint, type TaskName } from "../../bundle/entry-points.ts";
import type { Database } from "../schema.ts";
import type { StoreContext, TransactionTask } from "../store.ts";
import { SQLITE_CAN } from "./capabilities.ts";
import { type SqliteLink, sqliteDialect } from "./dialect.ts";

/** Runs tasks in the connection's thread, each in a transaction of its own. */
export class TransactionTasks {
  #database: Kysely<Database>;
  #notify: () => void;
  /** Asking the module loader each time would cost as much as some of the statements. */
  #loaded = new Map<TaskName, TransactionTask<unknown, unknown>>();

  constructor(connection: SqliteLink, notify: () => void) {
    this.#notify = notify;
    // It does not wait for the write lock. The caller waits, and can serve others at the same time.
    const begin = () => connection.run("BEGIN IMMEDIATE");
    this.#database = new Kysely({ dialect: sqliteDialect(connection, { exclusive: false, begin }) });
  }

  /** `task` names a module whose default export is the task; `now` is its time (ms). */
  async run(task: TaskName, { input, now }: { input: unknown; now: number }): Promise<unknown> {
    const work = this.#loaded.get(task) ?? (await this.#load(task));
    let notified = false;
    const context: StoreContext = {
      can: SQLITE_CAN,
      now: async () => now,
      lockNamed: async () => {},
      notify: async () => {
        if (!notified) this.#notify();
        notified = true;
      },
    };
    return this.#database.transaction().execute((trx) => work(trx, context, input));
  }

  async #load(task: TaskName): Promise<TransactionTask<unknown, unknown>> {
    const { default: work } = (await import(entryPoint(task).href)) as {
      default: TransactionTask<unknown, unknown>;
    };
    this.#loaded.set(task, work);
    // The process may be killed at any time, so write the cache soon, but after the task's answer.
    setImmediate(flushCompileCache);
    return work;
  }
}
