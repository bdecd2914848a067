import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { type Compilable, type CompiledQuery, Kysely, type QueryResult } from "kysely";
import commitTask from "../../app/accept/commit-task.ts";
import claimTask from "../../app/queue/claim/claim-task.ts";
import { migrate } from "../../app/store/migrate.ts";
import type { Database } from "../../app/store/schema.ts";
import { SQLITE_CAN } from "../../app/store/sqlite/capabilities.ts";
import { type SqliteLink, sqliteDialect } from "../../app/store/sqlite/dialect.ts";
import type { Reader, Store, Writer } from "../../app/store/store.ts";

type Row = Record<string, SQLInputValue>;
/** The rows of some tables: plain data. */
export type Rows = Record<string, Row[]>;

/** A connection to a database in memory, in this thread. */
class MemoryLink implements SqliteLink {
  #database: DatabaseSync;
  #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const statement = this.prepare(sql);
    const values = parameters as SQLInputValue[];
    if (statement.columns().length > 0) return { rows: statement.all(...values) as R[] };
    const { changes, lastInsertRowid } = statement.run(...values);
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }
  prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
  async run(sql: string): Promise<void> {
    this.#database.exec(sql);
  }
  // biome-ignore lint/correctness/useYield: nothing here streams
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("streaming is not supported");
  }
  async close(): Promise<void> {
    this.#database.close();
  }
}

/**
 * The product's store in memory. Its transactions and its schema are the real ones; `tables` can be read and put back as
 * plain data, so that a model goes on from any state. Its time is `time` (ms).
 */
export class MemoryStore implements Store {
  readonly engine = "sqlite";
  readonly can = SQLITE_CAN;
  readonly read: Reader;
  time = 0;
  #link: MemoryLink;
  #tables: readonly string[];
  /** What the tables contain now, if nothing was written since they were put back. */
  #loaded: Rows | undefined;

  private constructor(link: MemoryLink, tables: readonly string[]) {
    this.#link = link;
    this.#tables = tables;
    // Nested transactions, so that a step can be taken back.
    const begin = () => link.run("BEGIN");
    this.read = new Kysely<Database>({ dialect: sqliteDialect(link, { exclusive: false, begin }) });
  }

  static async open(tables: readonly string[]): Promise<MemoryStore> {
    const store = new MemoryStore(new MemoryLink(new DatabaseSync(":memory:")), tables);
    await migrate(store);
    return store;
  }

  write<T>(work: (trx: Writer) => Promise<T>): Promise<T> {
    this.#loaded = undefined;
    return this.read.transaction().execute(work);
  }
  writeOne<R>(statement: (db: Reader) => Compilable<R>): Promise<readonly R[]> {
    return this.write(async (trx) => (await trx.executeQuery<R>(statement(trx).compile())).rows);
  }
  perform<O>(task: "commit-task" | "claim-task", input: never): Promise<O> {
    const work = task === "commit-task" ? commitTask : claimTask;
    return this.write((trx) => work(trx, this, input) as Promise<O>);
  }
  async now(): Promise<number> {
    return this.time;
  }
  async lockNamed(): Promise<void> {}
  async notify(): Promise<void> {}
  onChange(): () => void {
    return () => {};
  }
  async probe(): Promise<void> {}
  doubt(): void {}
  close(): Promise<void> {
    return this.read.destroy();
  }

  /** The rows of the tables. */
  save(): Rows {
    this.#loaded ??= Object.fromEntries(
      this.#tables.map((table) => [table, this.#link.prepare(`SELECT * FROM ${table}`).all() as Row[]]),
    );
    return this.#loaded;
  }

  /** Puts rows back that {@link save} returned. */
  load(rows: Rows): void {
    if (this.#loaded === rows) return;
    for (const table of this.#tables) {
      this.#link.prepare(`DELETE FROM ${table}`).run();
      for (const row of rows[table] ?? []) {
        const columns = Object.keys(row);
        const places = columns.map(() => "?").join(", ");
        const sql = `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${places})`;
        this.#link.prepare(sql).run(...Object.values(row));
      }
    }
    this.#loaded = rows;
  }
}
