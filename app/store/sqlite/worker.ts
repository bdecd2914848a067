/**
 * The thread that owns one SQLite connection, so that a slow disk never blocks the event loop of the instance.
 * It answers one message at a time, in order.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";

export interface WorkerOptions {
  path: string;
  readOnly: boolean;
  /** How often to look whether another connection committed; 0 never does. */
  watchMs: number;
}
export type WorkerRequest =
  | { id: number; op: "query"; sql: string; parameters: readonly unknown[] }
  | { id: number; op: "reopen" };
export type WorkerReply =
  | { id: number; rows: Record<string, unknown>[]; changes: number; insertId: number }
  | { id: number; error: { message: string; code: number } }
  | { change: true };

const { path, readOnly, watchMs } = workerData as WorkerOptions;
const port = parentPort as NonNullable<typeof parentPort>;
/** Statements vary with the size of a batch, so the cache is bounded. */
const MAX_STATEMENTS = 200;
/** Longer than this a thread must not wait inside SQLite; the caller retries without blocking anyone. */
const BUSY_TIMEOUT_MS = 20;

let database: DatabaseSync | undefined;
const statements = new Map<string, StatementSync>();

function open(): DatabaseSync {
  if (database) return database;
  const opened = new DatabaseSync(path, { readOnly, timeout: BUSY_TIMEOUT_MS });
  try {
    // FULL makes every commit reach the disk before it is reported, also in WAL mode.
    if (!readOnly) opened.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    opened.exec("PRAGMA cache_size = -8000; PRAGMA temp_store = MEMORY;");
  } catch (error) {
    opened.close();
    throw error;
  }
  database = opened;
  return opened;
}

function prepare(sql: string): StatementSync {
  let statement = statements.get(sql);
  if (!statement) {
    if (statements.size >= MAX_STATEMENTS) statements.delete(statements.keys().next().value as string);
    statement = open().prepare(sql);
    statements.set(sql, statement);
  }
  return statement;
}

function answer(request: WorkerRequest): WorkerReply {
  try {
    if (request.op === "reopen") {
      statements.clear();
      const old = database;
      database = undefined;
      old?.close();
      open();
      return { id: request.id, rows: [], changes: 0, insertId: 0 };
    }
    const statement = prepare(request.sql);
    const parameters = request.parameters as SQLInputValue[];
    if (statement.columns().length > 0)
      return { id: request.id, rows: statement.all(...parameters), changes: 0, insertId: 0 };
    const { changes, lastInsertRowid } = statement.run(...parameters);
    return { id: request.id, rows: [], changes: Number(changes), insertId: Number(lastInsertRowid) };
  } catch (error) {
    const { message, errcode } = error as Error & { errcode?: number };
    return { id: request.id, error: { message, code: errcode ?? 0 } };
  }
}

port.on("message", (request: WorkerRequest) => port.postMessage(answer(request)));

if (watchMs > 0) {
  let seen: unknown;
  setInterval(() => {
    try {
      // Changes exactly when another connection committed: https://www.sqlite.org/pragma.html#pragma_data_version
      const version = prepare("PRAGMA data_version").get()?.data_version;
      // The first look counts as well: who listens cannot know what was committed just before it.
      if (version !== seen) port.postMessage({ change: true });
      seen = version;
    } catch {
      // An unreadable store shows itself in the next query, which can tell its caller.
    }
  }, watchMs).unref();
}
