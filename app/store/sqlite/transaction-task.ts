import { Kysely } from "kysely";
import type { Database } from "../schema.ts";
import type { Writer } from "../store.ts";
import { type SqliteLink, sqliteDialect } from "./dialect.ts";

/**
 * The work of a transaction that needs nothing but its input. Input and output are JSON, and it is the default export of
 * its module, so that the thread of the connection can load it by itself.
 */
export type TransactionTask<I, O> = (trx: Writer, input: I) => Promise<O>;

let database: Kysely<Database> | undefined;

/** Runs a task in a transaction of its own; for use in the thread that owns the connection. */
export async function runTransactionTask(
  connection: SqliteLink,
  task: string,
  input: unknown,
): Promise<unknown> {
  // Without waiting for the write lock: the caller does, who can do something else meanwhile.
  const begin = () => connection.run("BEGIN IMMEDIATE");
  database ??= new Kysely({ dialect: sqliteDialect(connection, { exclusive: false, begin }) });
  const { default: work } = (await import(task)) as { default: TransactionTask<unknown, unknown> };
  return database.transaction().execute((trx) => work(trx, input));
}
