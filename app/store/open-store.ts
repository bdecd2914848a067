import type { Clock } from "../clock.ts";
import type { StoreAddress } from "../config/store-address.ts";
import { migrate } from "./migrate.ts";
import { proveCommit } from "./prove-commit.ts";
import type { Store } from "./store.ts";

export interface OpenOptions {
  clock: Clock;
  /** Called with the pid of a process that holds SQLite's write lock, and for how long so far: after each 300 ms. */
  onLongLock?: (pid: number, heldMs: number) => void;
  /** PostgreSQL: the largest number of connections (default 8). */
  maxConnections?: number;
  /** SQLite: how soon a commit by another connection is noticed (default 100 ms). PostgreSQL notices it at once. */
  watchMs?: number;
  /** SQLite: whether it works in threads of its own (default: unless a runner opens it). */
  threads?: boolean;
  /**
   * Whether a runner opens the store. Its instance migrates the schema. A runner answers no requests, so
   * SQLite needs no thread there, which would slow down every statement.
   */
  forRunner?: boolean;
}

/**
 * Opens the store, brings it to this code's schema, and proves that it can commit.
 * @throws {StoreUnavailableError} when it cannot be reached or written to, {StoreTooNewError} when a newer
 * release owns it.
 */
export async function openStore(address: StoreAddress, options: OpenOptions): Promise<Store> {
  const store = await openEngine(address, options);
  try {
    if (!options.forRunner) {
      await migrate(store);
      // A migration with nothing to do writes nothing, and so proves nothing.
      await proveCommit(store, options.clock.now());
    }
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Loads only the engine in use, since a runner must start quickly. */
async function openEngine(address: StoreAddress, options: OpenOptions): Promise<Store> {
  if (address.engine === "sqlite") {
    const { SqliteStore } = await import("./sqlite/sqlite-store.ts");
    const { path } = address;
    // A runner never creates the file: a missing file was lost, and must not be started anew.
    return SqliteStore.open({ path, threads: !options.forRunner, create: !options.forRunner, ...options });
  }
  const { PostgresStore } = await import("./postgres/postgres-store.ts");
  return PostgresStore.open({ url: address.url, ...options });
}
