import { flushCompileCache } from "node:module";
import { Kysely } from "kysely";
import { entryPoint, type TaskName } from "../../bundle/entry-points.ts";
import type { Database } from "../schema.ts";
import type { StoreContext, TransactionTask } from "../store.ts";
import { SQLITE_CAN } from "./capabilities.ts";
import { type SqliteLink, sqliteDialect } from "./dialect.ts";

/** Runs tasks, each in a transaction of its own, in the thread that has the connection. */
export class TransactionTasks {
  #database: Kysely<Database>;
  /** Asking the loader each time would cost as much as some of the statements. */
  #loaded = new Map<TaskName, TransactionTask<unknown, unknown>>();

  constructor(connection: SqliteLink) {
    // Without waiting for the write lock: the caller does, who can do something else meanwhile.
    const begin = () => connection.run("BEGIN IMMEDIATE");
    this.#database = new Kysely({ dialect: sqliteDialect(connection, { exclusive: false, begin }) });
  }

  /** `task` names a module whose default export is the task; `now` is its time (ms). */
  async run(task: TaskName, { input, now }: { input: unknown; now: number }): Promise<unknown> {
    const work = this.#loaded.get(task) ?? (await this.#load(task));
    // A commit is noticed by the others without word of it.
    const context: StoreContext = {
      can: SQLITE_CAN,
      now: async () => now,
      lockNamed: async () => {},
      notify: async () => {},
    };
    return this.#database.transaction().execute((trx) => work(trx, context, input));
  }

  async #load(task: TaskName): Promise<TransactionTask<unknown, unknown>> {
    const { default: work } = (await import(entryPoint(task).href)) as {
      default: TransactionTask<unknown, unknown>;
    };
    this.#loaded.set(task, work);
    // Its process may be killed at any time; but whoever waits for the task comes first.
    setImmediate(flushCompileCache);
    return work;
  }
}
