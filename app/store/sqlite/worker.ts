/**
 * The thread that owns one SQLite connection, so that a slow disk never blocks the event loop of the instance.
 * It answers one message at a time, in order.
 */

import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { CompiledQuery } from "kysely";
import type { SqliteLink } from "./dialect.ts";

export interface WorkerOptions {
  path: string;
  readOnly: boolean;
  /** How often to look whether another connection committed; 0 never does. */
  watchMs: number;
}
export type WorkerRequest =
  | { id: number; op: "query"; sql: string; parameters: readonly unknown[] }
  /** Runs a whole transaction here: see transaction-task.ts. */
  | { id: number; op: "task"; task: string; input: string }
  | { id: number; op: "reopen" };
export type WorkerReply =
  | { id: number; rows: unknown[]; changes: number; insertId: number }
  | { id: number; error: { message: string; code: number } }
  | { change: true };

const { path, readOnly, watchMs } = workerData as WorkerOptions;
const port = parentPort as NonNullable<typeof parentPort>;
/** Statements vary with the size of a batch, so the cache is bounded. */
const MAX_STATEMENTS = 200;
/** The write-ahead log is carried over into the database when it has this many pages (of 4 KiB). */
const CHECKPOINT_PAGES = 8_000;
/** Longer than this a thread must not wait inside SQLite; the caller retries without blocking anyone. */
const BUSY_TIMEOUT_MS = 20;

let database: DatabaseSync | undefined;
/** Whether a statement returns rows is asked once: describing its columns costs as much as running it. */
const statements = new Map<string, { statement: StatementSync; returnsRows: boolean }>();

function open(): DatabaseSync {
  if (database) return database;
  const opened = new DatabaseSync(path, { readOnly, timeout: BUSY_TIMEOUT_MS });
  try {
    // FULL makes every commit reach the disk before it is reported, also in WAL mode.
    if (!readOnly) opened.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    // A checkpoint holds up whoever's commit it falls on; the more commits it takes in, the less it writes.
    if (!readOnly) opened.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    opened.exec("PRAGMA cache_size = -4000; PRAGMA temp_store = MEMORY;");
  } catch (error) {
    opened.close();
    throw error;
  }
  database = opened;
  return opened;
}

function prepare(sql: string) {
  let prepared = statements.get(sql);
  if (!prepared) {
    if (statements.size >= MAX_STATEMENTS) statements.delete(statements.keys().next().value as string);
    const statement = open().prepare(sql);
    prepared = { statement, returnsRows: statement.columns().length > 0 };
    statements.set(sql, prepared);
  }
  return prepared;
}

function query(sql: string, values: readonly unknown[]) {
  const { statement, returnsRows } = prepare(sql);
  const parameters = values as SQLInputValue[];
  if (returnsRows) return { rows: statement.all(...parameters), changes: 0, insertId: 0 };
  const { changes, lastInsertRowid } = statement.run(...parameters);
  return { rows: [], changes: Number(changes), insertId: Number(lastInsertRowid) };
}

/** The connection as kysely sees it from within this thread. */
const connection: SqliteLink = {
  async executeQuery<R>({ sql, parameters }: CompiledQuery) {
    const { rows, changes } = query(sql, parameters);
    return { rows: rows as R[], numAffectedRows: BigInt(changes) };
  },
  async run(sql) {
    query(sql, []);
  },
  streamQuery() {
    throw new Error("streaming is not supported by the SQLite store");
  },
  async close() {},
};

async function answer(request: WorkerRequest): Promise<WorkerReply> {
  try {
    if (request.op === "reopen") {
      statements.clear();
      const old = database;
      database = undefined;
      old?.close();
      open();
      return { id: request.id, rows: [], changes: 0, insertId: 0 };
    }
    if (request.op === "task") {
      // Loaded when there is one: what only reads needs none of it.
      const { runTransactionTask } = await import("./transaction-task.ts");
      const output = await runTransactionTask(connection, request.task, JSON.parse(request.input));
      return { id: request.id, rows: [JSON.stringify(output)], changes: 0, insertId: 0 };
    }
    return { id: request.id, ...query(request.sql, request.parameters) };
  } catch (error) {
    const { message, errcode } = error as Error & { errcode?: number };
    return { id: request.id, error: { message, code: errcode ?? 0 } };
  }
}

let answered: Promise<void> = Promise.resolve();
port.on("message", (request: WorkerRequest) => {
  answered = answered.then(async () => port.postMessage(await answer(request)));
});

if (watchMs > 0) {
  let seen: unknown;
  setInterval(() => {
    try {
      // Changes exactly when another connection committed: https://www.sqlite.org/pragma.html#pragma_data_version
      const version = prepare("PRAGMA data_version").statement.get()?.data_version;
      // The first look counts as well: who listens cannot know what was committed just before it.
      if (version !== seen) port.postMessage({ change: true });
      seen = version;
    } catch {
      // An unreadable store shows itself in the next query, which can tell its caller.
    }
  }, watchMs).unref();
}
