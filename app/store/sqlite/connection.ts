import type { CompiledQuery, QueryResult } from "kysely";
import type { TaskName } from "../../bundle/entry-points.ts";
import { StoreUnavailableError, type UnavailableCause } from "../errors.ts";
import { type DatabaseRequest, MOVED, type Named, type SqliteDatabase } from "./database.ts";
import type { DatabaseThread } from "./database-thread.ts";
import type { SqliteLink } from "./dialect.ts";
import { filesAt } from "./put-back.ts";

/** An error of SQLite; `code` is its extended result code (https://www.sqlite.org/rescode.html). */
export class SqliteError extends Error {
  override readonly name = "SqliteError";
  readonly code: number;
  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** The primary result code of SQLITE_BUSY: another connection holds the lock. */
const BUSY = 5;
const UNAVAILABLE: Record<number, UnavailableCause> = {
  5: "locked",
  8: "read_only",
  10: "broken",
  11: "broken",
  13: "full",
  14: "broken",
  26: "broken",
};

/** Whether another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  return error instanceof SqliteError && (error.code & 0xff) === BUSY;
}

function hasItsName({ path, files }: Named): boolean {
  return filesAt(path).every((file, index) => file === files[index]);
}

/**
 * Turns an error into a {@link StoreUnavailableError} where the store is unavailable; else returns it
 * unchanged.
 */
export function asUnavailable(error: unknown): unknown {
  if (!(error instanceof SqliteError)) return error;
  const cause = error.code === MOVED ? "moved" : UNAVAILABLE[error.code & 0xff];
  return cause ? new StoreUnavailableError(cause, error.message, { cause: error }) : error;
}

/** One SQLite connection for kysely. */
export class SqliteConnection implements SqliteLink {
  #database: SqliteDatabase | DatabaseThread;
  /** What the last check of the name found. */
  #named: Named | undefined;

  constructor(database: SqliteDatabase | DatabaseThread) {
    this.#database = database;
  }

  async #send(request: DatabaseRequest): Promise<QueryResult<never>> {
    const answer = await this.#database.ask(request);
    if ("error" in answer) throw new SqliteError(answer.error.message, answer.error.code);
    return {
      rows: answer.rows as never[],
      numAffectedRows: BigInt(answer.changes),
      insertId: BigInt(answer.insertId),
    };
  }

  executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    return this.#send({ op: "query", sql, parameters }) as Promise<QueryResult<R>>;
  }

  /** Runs a statement without parameters, such as `BEGIN IMMEDIATE`. */
  async run(sql: string): Promise<void> {
    await this.#send({ op: "query", sql, parameters: [] });
  }

  /** Runs a statement in a transaction of its own, and returns its rows. */
  async commitOne<R>({ sql, parameters }: CompiledQuery): Promise<readonly R[]> {
    return (await this.#send({ op: "commit one", sql, parameters })).rows;
  }

  /** Runs a whole transaction in the database's thread; `task` names its module. */
  async runTask<O>(task: TaskName, input: unknown): Promise<O> {
    // JSON text passes to the thread several times faster than a cloned object.
    const { rows } = await this.#send({ op: "task", task, input: JSON.stringify(input) });
    return JSON.parse(rows[0] as unknown as string) as O;
  }

  /**
   * Opens the file again, after an error that may have broken the connection. A file that lost its name is
   * put back first.
   */
  async reopen(): Promise<void> {
    await this.#send({ op: "reopen" });
  }

  /** Inside a transaction: once it is committed, connections that watch call their `onChange`. */
  async notify(): Promise<void> {
    await this.#send({ op: "notify" });
  }

  /** Watches for changes at this pace from now on. */
  async watch(everyMs: number): Promise<void> {
    await this.#send({ op: "watch", everyMs });
  }

  /** @throws {SqliteError} when the file's name no longer leads to the open file. */
  async checkName(): Promise<void> {
    // An idle thread would answer at once. While its files have their names still, that need not be waited for.
    if (this.#database.isIdle && this.#named && hasItsName(this.#named)) return;
    [this.#named] = (await this.#send({ op: "check name" })).rows as unknown as Named[];
  }

  // biome-ignore lint/correctness/useYield: it never yields, since nothing here streams
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("streaming is not supported by the SQLite store");
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}
