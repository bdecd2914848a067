import { realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import type { CompiledQuery } from "kysely";
import type { TaskName } from "../../bundle/entry-points.ts";
import { ChangeWatch, type Counter, nextNotification } from "./change-watch.ts";
import type { SqliteLink } from "./dialect.ts";
import { areOpenHere, fileAt, holdersOfDeleted, holdersOfReplaced, stateOf } from "./open-files.ts";
import {
  copyAt,
  descendsFrom,
  filesAt,
  giveName,
  makeCopy,
  namesOf,
  type Opened,
  replacedBy,
} from "./put-back.ts";
import type { TransactionTasks } from "./transaction-tasks.ts";

export interface DatabaseOptions {
  path: string;
  readOnly: boolean;
  /** Whether to create a missing file. */
  create: boolean;
  /** How often to check for commits of other connections (ms), until a request changes it; 0 for never. */
  watchMs: number;
}
export type DatabaseRequest =
  | { op: "query"; sql: string; parameters: readonly unknown[] }
  /** Runs a statement in a transaction of its own. */
  | { op: "commit one"; sql: string; parameters: readonly unknown[] }
  /** Runs a whole transaction in the database's thread: see transaction-tasks.ts. */
  | { op: "task"; task: TaskName; input: string }
  | { op: "reopen" }
  /** Notifies of the open transaction: once it is committed, those who watch are told. */
  | { op: "notify" }
  | { op: "watch"; everyMs: number }
  /** Fails where the file's name no longer leads to the open file. Else the answer is a row, {@link Named}. */
  | { op: "check name" };
/** A database whose names led to these files, see {@link Opened}. */
export type Named = Pick<Opened, "path" | "files">;
export type DatabaseAnswer =
  | { rows: unknown[]; changes: number; insertId: number }
  /** `code` is SQLite's extended result code; 0 for any other error. */
  | { error: { message: string; code: number } };

/** Statements vary with the size of a batch, so the cache is bounded. */
const MAX_STATEMENTS = 200;
/** SQLite moves the write-ahead log into the database at this many pages (of 4 KiB). */
const CHECKPOINT_PAGES = 8_000;
/** SQLITE_BUSY: another connection holds the lock, or has just released it. */
const BUSY = 5;
/** SQLITE_NOTADB: the file is not an SQLite database. */
const NO_DATABASE = 26;
/** SQLITE_READONLY_DBMOVED: the file's name no longer leads to the open file. */
export const MOVED = 1032;
/** The longest wait of a thread inside SQLite. The caller retries without blocking others. */
const BUSY_TIMEOUT_MS = 20;

/** An open SQLite file, in the thread that uses it. It answers one request at a time, in order. */
export class SqliteDatabase {
  #options: DatabaseOptions;
  #opened: Opened | undefined;
  /** Each statement is described once: to describe its columns costs as much as to run it. */
  #statements = new Map<string, { statement: StatementSync; returnsRows: boolean }>();
  #tasks: TransactionTasks | undefined;
  #answered: Promise<unknown> = Promise.resolve();
  #onChange: () => void;
  #watch: NodeJS.Timeout | undefined;
  #changes = new ChangeWatch((counter) => this.#counter(counter));
  /** A file under the database's name that is not the copy. It need not be opened again. */
  #notTheCopy: string | undefined;

  /** `onChange` is called after a commit of another connection that notified, if this one watches. */
  constructor(options: DatabaseOptions, onChange: () => void) {
    this.#options = options;
    this.#onChange = onChange;
    if (options.watchMs > 0) this.#watchEvery(options.watchMs);
  }

  #watchEvery(ms: number): void {
    clearInterval(this.#watch);
    this.#watch = setInterval(() => {
      // The first request opens the file, and may wait for its lock. The watch needs an open file.
      if (!this.#opened) return;
      try {
        this.#follow();
        if (this.#changes.check()) this.#onChange();
      } catch {
        // The next query reports an unreadable store to its caller.
      }
    }, ms).unref();
  }

  /** Notifies as a part of the open transaction: it commits or rolls back with the rest. */
  #notify(): void {
    const next = nextNotification(this.#counter("user_version"));
    // The text is new each time, and would fill the cache of statements.
    this.#open().database.exec(`PRAGMA user_version = ${next}`);
  }

  #counter(counter: Counter): unknown {
    return this.#prepare(`PRAGMA ${counter}`).statement.get()?.[counter];
  }

  /**
   * Answers a request after the earlier ones. Errors are returned, since they may have to pass to another
   * thread.
   */
  ask(request: DatabaseRequest): Promise<DatabaseAnswer> {
    const answer = this.#answered.then(() => this.#answer(request));
    this.#answered = answer;
    return answer;
  }

  /** In its own thread it is as quickly asked as judged from outside. */
  get isIdle(): boolean {
    return false;
  }

  close(): void {
    clearInterval(this.#watch);
    this.#statements.clear();
    this.#opened?.database.close();
    this.#opened = undefined;
  }

  #open(): Opened {
    this.#opened ??= this.#openFile(this.#options.create);
    return this.#opened;
  }

  #openFile(create = false): Opened {
    const { readOnly } = this.#options;
    const path = realPath(this.#options.path);
    const found = fileAt(path);
    this.#checkHolders(path, found);
    // Only the mode `rwc` creates a file.
    const url = pathToFileURL(path);
    url.search = readOnly ? "?mode=ro" : create && found === null ? "?mode=rwc" : "?mode=rw";
    const database = new DatabaseSync(url, { readOnly, timeout: BUSY_TIMEOUT_MS });
    try {
      // FULL makes every commit reach the disk before it is reported, also in WAL mode.
      if (!readOnly) database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
      // A checkpoint delays the commit that triggers it. The more commits it covers, the less it writes in
      // all.
      if (!readOnly) database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
      // Reading the version opens the log, too.
      database.exec("PRAGMA cache_size = -4000; PRAGMA temp_store = MEMORY; PRAGMA schema_version;");
      const files = filesAt(path);
      if (found !== null && found !== files[0]) throw sqliteError(BUSY, `${path} was replaced meanwhile`);
      return { database, path, files };
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /**
   * Refuses to create a file again while a process has the deleted one open. The contents of the deleted file
   * would be lost. Locks in the new file would not stop that process. Where another file was moved over the database,
   * the log is not that file's: SQLite would mix the two.
   */
  #checkHolders(path: string, found: string | null): void {
    // The writing connection of this process has checked them: looking at every process on the host takes long.
    if (this.#options.readOnly && areOpenHere(namesOf(path))) return;
    const missing = namesOf(path).filter((name) => fileAt(name) === null);
    const holders =
      found === null
        ? holdersOfDeleted(path)
        : missing.length > 0
          ? missing.flatMap((name) => holdersOfDeleted(name, [path]))
          : holdersOfReplaced(path, namesOf(path)[1]);
    const pid = holders
      // The connection that put the file back may change over to it. Other connections of this process wait.
      .find((holder) => holder !== process.pid || this.#opened === undefined);
    if (pid !== undefined)
      throw sqliteError(
        MOVED,
        `${missing.join(", ") || path} was deleted or replaced, but process ${pid} has it open; wait until that process has put it back, or kept it, or end it`,
      );
  }

  /** Whether the path still leads to the open file. If not, a copy may have the name already. */
  #isNamed({ path, files }: Opened): boolean {
    return fileAt(path) === files[0];
  }

  /** @throws SQLITE_READONLY_DBMOVED */
  #checkName(opened: Opened): void {
    const { path, files } = opened;
    const now = filesAt(path);
    const at = now.findIndex((file, index) => file !== files[index]);
    if (at < 0) return;
    const what = now[at] === null ? "was deleted" : "is another file than the one that is open";
    throw sqliteError(MOVED, `${namesOf(path)[at]} ${what}`);
  }

  /** Changes over to the copy that took the name of the open file, if there is one. */
  #follow(): boolean {
    const old = this.#opened;
    if (!old || this.#isNamed(old)) return false;
    const copy = replacedBy(old.database);
    return copy !== undefined && this.#change(old, copy);
  }

  /** Changes over to this copy. Returns false where the file of that name is not the copy. */
  #change(old: Opened, copy: string): boolean {
    const found = stateOf(old.path);
    if (found === null || found === this.#notTheCopy) return false;
    let opened: Opened;
    try {
      opened = this.#openFile();
    } catch (error) {
      // No file has the name, or one that is not a database.
      const code = ((error as { errcode?: number }).errcode ?? 0) % 256;
      if (code === BUSY) throw error;
      if (code === NO_DATABASE) this.#notTheCopy = found;
      return false;
    }
    if (!isCopy(opened.database, copy)) {
      opened.database.close();
      this.#notTheCopy = found;
      return false;
    }
    this.#replace(old, opened);
    return true;
  }

  #replace(old: Opened, opened: Opened): void {
    this.#statements.clear();
    this.#opened = opened;
    this.#changes.reset();
    old.database.close();
  }

  /**
   * Opens the file again, and closes the open one last. A file that has lost its name is put back first,
   * since no other file has its contents.
   */
  #reopen(): void {
    const old = this.#opened;
    if (!old) return void this.#open();
    try {
      this.#checkName(old);
    } catch (error) {
      if (!this.#follow()) this.#putBack(old, error as Error);
      return;
    }
    this.#replace(old, this.#openFile());
  }

  /**
   * @throws SQLITE_READONLY_DBMOVED where another file has the name, SQLITE_BUSY where the caller must try
   * again.
   */
  #putBack(old: Opened, moved: Error): void {
    if (this.#options.readOnly) throw moved;
    const copy = replacedBy(old.database) ?? makeCopy(old, Date.now());
    if (copy === undefined) throw sqliteError(BUSY, "something was committed meanwhile");
    giveName(old, copy);
    if (this.#change(old, copy)) return;
    const { path } = old;
    throw sqliteError(
      MOVED,
      `${moved.message}; the data so far is kept in ${copyAt(path, copy)}. To go on with it, move ` +
        `${namesOf(path).join(", ")} away, as far as they exist; to go on with the present files, restart Twinhook`,
    );
  }

  #prepare(sql: string) {
    let prepared = this.#statements.get(sql);
    if (!prepared) {
      if (this.#statements.size >= MAX_STATEMENTS)
        this.#statements.delete(this.#statements.keys().next().value as string);
      const statement = this.#open().database.prepare(sql);
      prepared = { statement, returnsRows: statement.columns().length > 0 };
      this.#statements.set(sql, prepared);
    }
    return prepared;
  }

  #query(sql: string, values: readonly unknown[]) {
    if (this.#options.readOnly) this.#follow();
    const answer = this.#run(sql, values);
    if (sql === "BEGIN IMMEDIATE") this.#checkBegun();
    // A commit into a file without a name is not yet safe, and must not be reported as done.
    if (sql === "COMMIT" && !this.#options.readOnly) this.#checkName(this.#open());
    return answer;
  }

  #commitOne(sql: string, values: readonly unknown[]) {
    this.#query("BEGIN IMMEDIATE", []);
    try {
      const answer = this.#query(sql, values);
      this.#query("COMMIT", []);
      return answer;
    } catch (error) {
      // After a full disk SQLite has rolled back by itself.
      if (this.#open().database.isTransaction) this.#run("ROLLBACK", []);
      throw error;
    }
  }

  /** Refuses to commit to a file whose contents may be in a copy. The write lock orders commit and copy. */
  #checkBegun(): void {
    const opened = this.#open();
    if (this.#isNamed(opened)) return;
    opened.database.exec("ROLLBACK");
    if (!this.#follow()) this.#checkName(opened);
    this.#run("BEGIN IMMEDIATE", []);
    if (!this.#isNamed(this.#open())) this.#checkBegun();
  }

  #run(sql: string, values: readonly unknown[]) {
    const { statement, returnsRows } = this.#prepare(sql);
    const parameters = values as SQLInputValue[];
    if (returnsRows) return { rows: statement.all(...parameters), changes: 0, insertId: 0 };
    const { changes, lastInsertRowid } = statement.run(...parameters);
    return { rows: [], changes: Number(changes), insertId: Number(lastInsertRowid) };
  }

  async #answer(request: DatabaseRequest): Promise<DatabaseAnswer> {
    try {
      if (request.op === "reopen") this.#reopen();
      else if (request.op === "notify") this.#notify();
      else if (request.op === "watch") this.#watchEvery(request.everyMs);
      else if (request.op === "check name" && this.#opened) {
        this.#checkName(this.#opened);
        const { path, files } = this.#opened;
        return { rows: [{ path, files } satisfies Named], changes: 0, insertId: 0 };
      } else if (request.op === "query") return this.#query(request.sql, request.parameters);
      else if (request.op === "commit one") return this.#commitOne(request.sql, request.parameters);
      else if (request.op === "task") {
        this.#tasks ??= await this.#loadTasks();
        const output = await this.#tasks.run(request.task, JSON.parse(request.input));
        return { rows: [JSON.stringify(output)], changes: 0, insertId: 0 };
      }
      return { rows: [], changes: 0, insertId: 0 };
    } catch (error) {
      const { message, errcode } = error as Error & { errcode?: number };
      return { error: { message, code: errcode ?? 0 } };
    }
  }

  /** Loaded at the first task: a connection that only reads needs none. */
  async #loadTasks(): Promise<TransactionTasks> {
    const { TransactionTasks } = await import("./transaction-tasks.ts");
    // The connection for kysely, inside this thread.
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
    return new TransactionTasks(link, () => this.#notify());
  }
}

/** An error in the form of SQLite's own. */
function sqliteError(errcode: number, message: string): Error {
  return Object.assign(new Error(message), { errcode });
}

/** Whether this is the copy, or descends from it. False for a database of others. */
function isCopy(database: DatabaseSync, copy: string): boolean {
  try {
    return descendsFrom(database, copy);
  } catch {
    return false;
  }
}

/** The kernel's name of the file, even if the file does not exist yet. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    try {
      return join(realpathSync(dirname(path)), basename(path));
    } catch {
      return path;
    }
  }
}
