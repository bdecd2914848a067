import { Worker } from "node:worker_threads";
import type { CompiledQuery, QueryResult } from "kysely";
import { StoreUnavailableError, type UnavailableCause } from "../errors.ts";
import type { SqliteLink } from "./dialect.ts";
import type { WorkerOptions, WorkerReply, WorkerRequest } from "./worker.ts";

/** What SQLite reported; `code` is its extended result code (https://www.sqlite.org/rescode.html). */
export class SqliteError extends Error {
  override readonly name = "SqliteError";
  readonly code: number;
  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** What a thread works on is gone a moment later, and must not make the process grow. */
const YOUNG_GENERATION_MB = 12;
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

/** Whether another connection holds the lock that was asked for. */
export function isBusy(error: unknown): boolean {
  return error instanceof SqliteError && (error.code & 0xff) === BUSY;
}

/** The same error as one of the store's, where it says that the store cannot serve; else unchanged. */
export function asUnavailable(error: unknown): unknown {
  if (!(error instanceof SqliteError)) return error;
  const cause = UNAVAILABLE[error.code & 0xff];
  return cause ? new StoreUnavailableError(cause, error.message, { cause: error }) : error;
}

/** One SQLite connection in a thread of its own, as kysely sees it. */
export class SqliteConnection implements SqliteLink {
  #worker: Worker;
  #next = 1;
  #pending = new Map<number, { resolve: (result: QueryResult<never>) => void; reject: (e: Error) => void }>();
  #dead: Error | undefined;

  constructor(options: WorkerOptions, onChange?: () => void) {
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), {
      workerData: options,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB, maxOldGenerationSizeMb: 256 },
    });
    this.#worker.on("message", (reply: WorkerReply) => {
      if ("change" in reply) return onChange?.();
      const waiting = this.#pending.get(reply.id);
      this.#pending.delete(reply.id);
      if ("error" in reply) waiting?.reject(new SqliteError(reply.error.message, reply.error.code));
      else
        waiting?.resolve({
          rows: reply.rows as never[],
          numAffectedRows: BigInt(reply.changes),
          insertId: BigInt(reply.insertId),
        });
    });
    const fail = (error: Error) => {
      this.#dead = error;
      for (const waiting of this.#pending.values()) waiting.reject(error);
      this.#pending.clear();
    };
    this.#worker.on("error", fail);
    this.#worker.on("exit", () => fail(new Error("the store's thread has ended")));
  }

  #send(
    request:
      | { op: "query"; sql: string; parameters: readonly unknown[] }
      | { op: "task"; task: string; input: string }
      | { op: "reopen" },
  ) {
    if (this.#dead) return Promise.reject(this.#dead);
    const id = this.#next++;
    return new Promise<QueryResult<never>>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...request } satisfies WorkerRequest);
    });
  }

  executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    return this.#send({ op: "query", sql, parameters }) as Promise<QueryResult<R>>;
  }

  /** Runs a statement without parameters, such as `BEGIN IMMEDIATE`. */
  async run(sql: string): Promise<void> {
    await this.#send({ op: "query", sql, parameters: [] });
  }

  /** Runs a whole transaction in the connection's thread; `task` is the URL of its module. */
  async runTask<O>(task: URL, input: unknown): Promise<O> {
    // As JSON, which is several times faster to pass on than objects are to clone.
    const { rows } = await this.#send({ op: "task", task: task.href, input: JSON.stringify(input) });
    return JSON.parse(rows[0] as unknown as string) as O;
  }

  /** Closes the file and opens it again, after an error that may have left the connection useless. */
  async reopen(): Promise<void> {
    await this.#send({ op: "reopen" });
  }

  // biome-ignore lint/correctness/useYield: it never yields, since nothing here streams
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("streaming is not supported by the SQLite store");
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
