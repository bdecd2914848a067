import { Kysely } from "kysely";
import type { Database } from "../schema.ts";
import type { StoreContext, TransactionTask } from "../store.ts";
import { type SqliteLink, sqliteDialect } from "./dialect.ts";

let database: Kysely<Database> | undefined;

/** Runs a task in a transaction of its own; for use in the thread that owns the connection. */
export async function runTransactionTask(
  connection: SqliteLink,
  task: string,
  { input, now }: { input: unknown; now: number },
): Promise<unknown> {
  // Without waiting for the write lock: the caller does, who can do something else meanwhile.
  const begin = () => connection.run("BEGIN IMMEDIATE");
  database ??= new Kysely({ dialect: sqliteDialect(connection, { exclusive: false, begin }) });
  const { default: work } = (await import(task)) as { default: TransactionTask<unknown, unknown> };
  // A commit is noticed by the others without word of it.
  const context: StoreContext = { engine: "sqlite", now: async () => now, notify: async () => {} };
  return database.transaction().execute((trx) => work(trx, context, input));
}
