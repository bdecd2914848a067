import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { CompiledQuery } from "kysely";
import type { SqliteLink } from "./dialect.ts";
import type { TransactionTasks } from "./transaction-tasks.ts";

export interface DatabaseOptions {
  path: string;
  readOnly: boolean;
  /** How often to look whether another connection committed; 0 never does. */
  watchMs: number;
}
export type DatabaseRequest =
  | { op: "query"; sql: string; parameters: readonly unknown[] }
  /** Runs a whole transaction where the database is: see transaction-tasks.ts. */
  | { op: "task"; task: string; input: string }
  | { op: "reopen" };
export type DatabaseAnswer =
  | { rows: unknown[]; changes: number; insertId: number }
  /** `code` is SQLite's extended result code; 0 where it was not SQLite that failed. */
  | { error: { message: string; code: number } };

/** Statements vary with the size of a batch, so the cache is bounded. */
const MAX_STATEMENTS = 200;
/** The write-ahead log is carried over into the database when it has this many pages (of 4 KiB). */
const CHECKPOINT_PAGES = 8_000;
/** Longer than this a thread must not wait inside SQLite; the caller retries without blocking anyone. */
const BUSY_TIMEOUT_MS = 20;

/** An open SQLite file in the thread that uses it. It answers one request at a time, in order. */
export class SqliteDatabase {
  #options: DatabaseOptions;
  #database: DatabaseSync | undefined;
  /** Whether a statement returns rows is asked once: describing its columns costs as much as running it. */
  #statements = new Map<string, { statement: StatementSync; returnsRows: boolean }>();
  #tasks: TransactionTasks | undefined;
  #answered: Promise<unknown> = Promise.resolve();
  #watch: NodeJS.Timeout | undefined;

  /** `onChange` is called when another connection has committed, if this one watches. */
  constructor(options: DatabaseOptions, onChange: () => void) {
    this.#options = options;
    if (options.watchMs === 0) return;
    let seen: unknown;
    this.#watch = setInterval(() => {
      try {
        // Changes exactly when another connection committed: https://www.sqlite.org/pragma.html#pragma_data_version
        const version = this.#prepare("PRAGMA data_version").statement.get()?.data_version;
        // The first look counts as well: who listens cannot know what was committed just before it.
        if (version !== seen) onChange();
        seen = version;
      } catch {
        // An unreadable store shows itself in the next query, which can tell its caller.
      }
    }, options.watchMs).unref();
  }

  /** Answers a request after those before it. An error is an answer too, since it may have to pass to another thread. */
  ask(request: DatabaseRequest): Promise<DatabaseAnswer> {
    const answer = this.#answered.then(() => this.#answer(request));
    this.#answered = answer;
    return answer;
  }

  close(): void {
    clearInterval(this.#watch);
    this.#statements.clear();
    this.#database?.close();
    this.#database = undefined;
  }

  #open(): DatabaseSync {
    if (this.#database) return this.#database;
    const { path, readOnly } = this.#options;
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
    this.#database = opened;
    return opened;
  }

  #prepare(sql: string) {
    let prepared = this.#statements.get(sql);
    if (!prepared) {
      if (this.#statements.size >= MAX_STATEMENTS)
        this.#statements.delete(this.#statements.keys().next().value as string);
      const statement = this.#open().prepare(sql);
      prepared = { statement, returnsRows: statement.columns().length > 0 };
      this.#statements.set(sql, prepared);
    }
    return prepared;
  }

  #query(sql: string, values: readonly unknown[]) {
    const { statement, returnsRows } = this.#prepare(sql);
    const parameters = values as SQLInputValue[];
    if (returnsRows) return { rows: statement.all(...parameters), changes: 0, insertId: 0 };
    const { changes, lastInsertRowid } = statement.run(...parameters);
    return { rows: [], changes: Number(changes), insertId: Number(lastInsertRowid) };
  }

  async #answer(request: DatabaseRequest): Promise<DatabaseAnswer> {
    try {
      if (request.op === "reopen") {
        this.#statements.clear();
        const old = this.#database;
        this.#database = undefined;
        old?.close();
        this.#open();
        return { rows: [], changes: 0, insertId: 0 };
      }
      if (request.op === "task") {
        this.#tasks ??= await this.#loadTasks();
        const output = await this.#tasks.run(request.task, JSON.parse(request.input));
        return { rows: [JSON.stringify(output)], changes: 0, insertId: 0 };
      }
      return this.#query(request.sql, request.parameters);
    } catch (error) {
      const { message, errcode } = error as Error & { errcode?: number };
      return { error: { message, code: errcode ?? 0 } };
    }
  }

  /** Loaded when there is one: what only reads needs none of it. */
  async #loadTasks(): Promise<TransactionTasks> {
    const { TransactionTasks } = await import("./transaction-tasks.ts");
    // The connection as kysely sees it from within this thread.
    const link: SqliteLink = {
      executeQuery: async <R>({ sql, parameters }: CompiledQuery) => {
        const { rows, changes } = this.#query(sql, parameters);
        return { rows: rows as R[], numAffectedRows: BigInt(changes) };
      },
      run: async (sql) => void this.#query(sql, []),
      streamQuery() {
        throw new Error("streaming is not supported by the SQLite store");
      },
      async close() {},
    };
    return new TransactionTasks(link);
  }
}
