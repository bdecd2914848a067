import type { Clock } from "../clock.ts";
import type { StoreAddress } from "../config/store-address.ts";
import { migrate } from "./migrate.ts";
import { proveCommit } from "./prove-commit.ts";
import type { Store } from "./store.ts";

export interface OpenOptions {
  clock: Clock;
  /** Told the pid of a process that has held SQLite's write lock for over a second. */
  onFrozenLock?: (pid: number) => void;
  /** PostgreSQL: the largest number of connections (default 8). */
  maxConnections?: number;
  /** SQLite: how soon a commit by another connection is noticed (default 100 ms). PostgreSQL notices it at once. */
  watchMs?: number;
  /** SQLite: whether it works in threads of its own (default: unless a runner opens it). */
  threads?: boolean;
  /**
   * Whether a runner opens it: the schema is its instance's to see to; and since nobody waits for its answers,
   * SQLite needs no thread of its own there, through which every statement would have to pass.
   */
  forRunner?: boolean;
}

/**
 * Opens the store, brings it to this code's schema, and proves that it takes commits.
 * @throws {StoreUnavailableError} when it cannot be reached or written to, {StoreTooNewError} when it is a newer release's.
 */
export async function openStore(address: StoreAddress, options: OpenOptions): Promise<Store> {
  const store = await openEngine(address, options);
  try {
    if (!options.forRunner) {
      await migrate(store);
      // Where nothing was to be migrated, nothing was written yet, and nobody asked whether it may be.
      await proveCommit(store, options.clock.now());
    }
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Loads only the engine that is used: a runner must be up quickly. */
async function openEngine(address: StoreAddress, options: OpenOptions): Promise<Store> {
  if (address.engine === "sqlite") {
    const { SqliteStore } = await import("./sqlite/sqlite-store.ts");
    const { path } = address;
    // The store of a runner exists; where it does not, it was lost, and is not the runner's to begin anew.
    return SqliteStore.open({ path, threads: !options.forRunner, create: !options.forRunner, ...options });
  }
  const { PostgresStore } = await import("./postgres/postgres-store.ts");
  return PostgresStore.open({ url: address.url, ...options });
}
