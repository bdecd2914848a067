import {
  type DatabaseConnection,
  type Dialect,
  type Driver,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";

/** A SQLite connection, usable from any thread. */
export interface SqliteLink extends DatabaseConnection {
  /** Runs a statement without parameters, such as `BEGIN IMMEDIATE`. */
  run(sql: string): Promise<void>;
  close(): Promise<void>;
}

/** SQLite can roll back changes of the schema; kysely's own adapter does not know that. */
class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl() {
    return true;
  }
}

/** Hands out the one connection; with `exclusive`, to one user at a time. */
class SingleConnectionDriver implements Driver {
  #connection: SqliteLink;
  #exclusive: boolean;
  #begin: () => Promise<void>;
  #tail: Promise<void> = Promise.resolve();
  #release: (() => void) | undefined;

  constructor(connection: SqliteLink, exclusive: boolean, begin: () => Promise<void>) {
    this.#connection = connection;
    this.#exclusive = exclusive;
    this.#begin = begin;
  }
  async init() {}
  async acquireConnection(): Promise<DatabaseConnection> {
    if (!this.#exclusive) return this.#connection;
    const before = this.#tail;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#tail = before.then(() => promise);
    await before;
    this.#release = resolve;
    return this.#connection;
  }
  async releaseConnection() {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }
  async beginTransaction() {
    await this.#begin();
  }
  async commitTransaction() {
    await this.#connection.run("COMMIT");
  }
  async rollbackTransaction() {
    // After a full disk SQLite has rolled back by itself, and no transaction is open.
    await this.#connection.run("ROLLBACK").catch(() => {});
  }
  async destroy() {
    await this.#connection.close();
  }
}

/** A kysely dialect over one SQLite connection. `begin` starts a transaction. */
export function sqliteDialect(
  connection: SqliteLink,
  options: { exclusive: boolean; begin: () => Promise<void> },
): Dialect {
  return {
    createAdapter: () => new TransactionalDdlAdapter(),
    createDriver: () => new SingleConnectionDriver(connection, options.exclusive, options.begin),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}
