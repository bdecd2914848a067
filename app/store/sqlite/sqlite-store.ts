import { mkdirSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { type Compilable, Kysely } from "kysely";
import type { TaskName } from "../../bundle/entry-points.ts";
import type { Clock } from "../../clock.ts";
import { StoreUnavailableError, type UnavailableCause } from "../errors.ts";
import { withLimit } from "../limit.ts";
import { proveCommit } from "../prove-commit.ts";
import type { Database } from "../schema.ts";
import type { Reader, Store, Writer } from "../store.ts";
import { SQLITE_CAN } from "./capabilities.ts";
import { asUnavailable, isBusy, SqliteConnection } from "./connection.ts";
import { type DatabaseOptions, SqliteDatabase } from "./database.ts";
import { DatabaseThread } from "./database-thread.ts";
import { sqliteDialect } from "./dialect.ts";
import { lockHolder } from "./lock-holder.ts";

/** How long a write waits for the lock before it is refused. */
const LOCK_LIMIT_MS = 5_000;
/**
 * The longest time between two tries for the lock. Every wait is jittered, so that instances do not stay in
 * step.
 */
const LOCK_RETRY_MS = 15;
/** Healthy code seldom holds a lock this long without a break. */
const LONG_LOCK_MS = 300;
/** After such a pause between two tries this process itself stood still: it does not know how long the lock was held. */
const STOOD_STILL_MS = 200;
/** How soon a change by another process is noticed. */
const WATCH_MS = 100;
/** How soon the loss of the file is noticed while nobody waits for changes. */
const LOSS_WATCH_MS = 1_000;
/** How much space must be free, after a full disk, before the store counts as well again. */
const SPARE_BYTES = 1024 * 1024;
/** How long a commit proves that the next one is possible. */
const PROOF_MS = 5_000;

export interface SqliteStoreOptions {
  path: string;
  clock: Clock;
  /** Whether SQLite runs in threads of its own. It must where a wait for the disk would delay others. */
  threads: boolean;
  /** Whether to create a missing file. */
  create: boolean;
  /** How soon a change by another connection is noticed (default 100 ms). */
  watchMs?: number;
  /** Called with the pid of a process that holds the write lock, and for how long so far: after each 300 ms. */
  onLongLock?: (pid: number, heldMs: number) => void;
}

/** The embedded store: one SQLite file in WAL mode, shared by all processes of a host. */
export class SqliteStore implements Store {
  readonly engine = "sqlite";
  readonly can = SQLITE_CAN;
  readonly read: Reader;
  #writer: Kysely<Database>;
  #connection: SqliteConnection;
  #reading: SqliteConnection;
  #options: SqliteStoreOptions;
  #listeners = new Set<() => void>();
  #isWatched = false;
  /** When a commit was last proven possible, on the monotonic clock; undefined after a failed one. */
  #provenAt: number | undefined;
  #doubted = false;
  /** The commit that shall prove it, while it waits or runs. */
  #proof: Promise<void> | undefined;
  /** Why the last commit failed; undefined after a successful one. */
  #failure: UnavailableCause | undefined;

  private constructor(options: SqliteStoreOptions) {
    this.#options = options;
    const { path, threads } = options;
    const open = (database: DatabaseOptions, onChange: () => void) =>
      new SqliteConnection(
        threads ? new DatabaseThread(database, onChange) : new SqliteDatabase(database, onChange),
      );
    this.#connection = open({ path, readOnly: false, create: options.create, watchMs: 0 }, () => {});
    this.#writer = new Kysely({
      dialect: sqliteDialect(this.#connection, { exclusive: true, begin: () => this.#begin() }),
    });
    this.#reading = open({ path, readOnly: true, create: false, watchMs: LOSS_WATCH_MS }, () => {
      for (const listener of this.#listeners) listener();
    });
    this.read = new Kysely({
      dialect: sqliteDialect(this.#reading, {
        exclusive: false,
        begin: () => this.#reading.run("BEGIN"),
      }),
    });
  }

  /**
   * Opens the file; `create` makes it and its folder where they are missing. The migrations are still to be
   * run.
   */
  static async open(options: SqliteStoreOptions): Promise<SqliteStore> {
    try {
      if (options.create) mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 });
      const store = new SqliteStore(options);
      // Only the writer can create the file. Turning a new file to WAL mode needs a lock, which another
      // process may hold for the same purpose.
      await store.#onceUnlocked(() => store.#connection.reopen());
      // The reader opens now: later it might find another file beside the log of this one.
      await store.#onceUnlocked(() => store.#reading.reopen());
      return store;
    } catch (error) {
      const reason = asUnavailable(error);
      if (reason instanceof StoreUnavailableError) throw reason;
      throw new StoreUnavailableError("broken", (error as Error).message, { cause: error });
    }
  }

  async write<T>(work: (trx: Writer) => Promise<T>): Promise<T> {
    return this.#noting(() => this.#writer.transaction().execute(work));
  }

  writeOne<R>(statement: (db: Reader) => Compilable<R>): Promise<readonly R[]> {
    const query = statement(this.#writer).compile();
    return this.#noting(() =>
      this.#writer.connection().execute(() => this.#onceUnlocked(() => this.#connection.commitOne<R>(query))),
    );
  }

  perform<O>(task: TaskName, input: unknown): Promise<O> {
    const message = { input, now: this.#options.clock.now() };
    return this.#noting(() =>
      this.#writer
        .connection()
        .execute(() => this.#onceUnlocked(() => this.#connection.runTask<O>(task, message))),
    );
  }

  async #noting<T>(commit: () => Promise<T>): Promise<T> {
    try {
      const result = await commit();
      this.#failure = undefined;
      return result;
    } catch (error) {
      const failure = asUnavailable(error);
      if (failure instanceof StoreUnavailableError) {
        this.#provenAt = undefined;
        this.#failure = failure.reason;
      }
      throw failure;
    }
  }

  #begin(): Promise<void> {
    return this.#onceUnlocked(() => this.#connection.run("BEGIN IMMEDIATE"));
  }

  /**
   * Runs `attempt`, which takes the write lock, until the lock is free. Blocks no thread, and reports who
   * holds the lock for long.
   */
  async #onceUnlocked<T>(attempt: () => Promise<T>): Promise<T> {
    const { clock, onLongLock } = this.#options;
    // After such an error the connection itself may be broken.
    let useless = this.#failure !== undefined && this.#failure !== "locked";
    const since = clock.monotonic();
    let holder: { pid: number; since: number; saidAt: number; seenAt: number } | undefined;
    for (;;) {
      try {
        if (useless) await this.#connection.reopen();
        useless = false;
        return await attempt();
      } catch (error) {
        const now = clock.monotonic();
        if (!isBusy(error) || now - since > LOCK_LIMIT_MS) throw error;
        const pid = await lockHolder(this.#options.path);
        if (pid === undefined) holder = undefined;
        else if (pid !== holder?.pid || now - holder.seenAt > STOOD_STILL_MS)
          holder = { pid, since: now, saidAt: now, seenAt: now };
        else {
          holder.seenAt = now;
          if (now - holder.saidAt > LONG_LOCK_MS) {
            onLongLock?.(pid, now - holder.since);
            holder.saidAt = now;
          }
        }
        await clock.sleep(Math.random() * LOCK_RETRY_MS);
      }
    }
  }

  async now(): Promise<number> {
    return this.#options.clock.now();
  }

  async lockNamed(): Promise<void> {
    // One transaction writes at a time anyway.
  }

  async notify(): Promise<void> {
    await this.#connection.notify();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#setPace();
    return () => {
      this.#listeners.delete(listener);
      this.#setPace();
    };
  }

  /** Looks for changes often only while someone listens: a waiting runner is idle for days. */
  #setPace(): void {
    const isWatched = this.#listeners.size > 0;
    if (isWatched === this.#isWatched) return;
    this.#isWatched = isWatched;
    const { watchMs = WATCH_MS } = this.#options;
    // A thread that has ended watches nothing.
    void this.#reading.watch(isWatched ? watchMs : LOSS_WATCH_MS).catch(() => {});
  }

  async probe(limitMs: number): Promise<void> {
    const { clock, path } = this.#options;
    const isProven = this.#provenAt !== undefined && clock.monotonic() - this.#provenAt < PROOF_MS;
    const doubted = this.#doubted;
    if (isProven && !doubted)
      return withLimit(
        this.#noting(() => this.#connection.checkName()),
        limitMs,
        "locked",
      );
    this.#doubted = false;
    // On a full disk this small commit may still fit where an accept does not.
    if (this.#failure === "full" || doubted) {
      const { bavail, bsize } = await statfs(dirname(path));
      if (bavail * bsize < SPARE_BYTES)
        throw new StoreUnavailableError("full", `${bavail * bsize} bytes are free`);
    }
    // One at a time: a proof goes on after its limit, and others would wait behind it in the queue of writes.
    this.#proof ??= this.#prove().finally(() => {
      this.#proof = undefined;
    });
    await withLimit(this.#proof, limitMs, "locked");
  }

  async #prove(): Promise<void> {
    const { clock } = this.#options;
    await proveCommit(this, clock.now());
    this.#provenAt = clock.monotonic();
  }

  doubt(): void {
    this.#doubted = true;
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    // A file that has lost its name would be gone for good once the last process closes it.
    await this.#connection
      .checkName()
      .catch(() => this.#onceUnlocked(() => this.#connection.reopen()).catch(() => {}));
    // Kysely closes only connections that were used. The last one clears the log away, which a reader cannot.
    await this.read.destroy();
    await this.#reading.close();
    await this.#writer.destroy();
    await this.#connection.close();
  }
}
