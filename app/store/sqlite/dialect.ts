import {
  type DatabaseConnection,
  type Dialect,
  type Driver,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import type { SqliteConnection } from "./connection.ts";

/** SQLite can roll back changes of the schema; kysely's own adapter does not use that. */
class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl() {
    return true;
  }
}

/** Hands out the one connection, to one user at a time where `exclusive`. */
class SingleConnectionDriver implements Driver {
  #connection: SqliteConnection;
  #exclusive: boolean;
  #begin: () => Promise<void>;
  #tail: Promise<void> = Promise.resolve();
  #release: (() => void) | undefined;

  constructor(connection: SqliteConnection, exclusive: boolean, begin: () => Promise<void>) {
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
    // After a full disk SQLite has rolled back by itself, and there is no transaction left to end.
    await this.#connection.run("ROLLBACK").catch(() => {});
  }
  async destroy() {
    await this.#connection.close();
  }
}

/** A kysely dialect over one SQLite thread. `begin` starts a transaction. */
export function sqliteDialect(
  connection: SqliteConnection,
  options: { exclusive: boolean; begin: () => Promise<void> },
): Dialect {
  return {
    createAdapter: () => new TransactionalDdlAdapter(),
    createDriver: () => new SingleConnectionDriver(connection, options.exclusive, options.begin),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}
