import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { TestHost } from "../helpers/test-host.ts";
import type { BreakAt } from "./hang-plan.ts";
import type { StoreProxy } from "./store-proxy.ts";

/** The lock is tried this often. */
const TRY_MS = 5;

/** Breaks the store for a moment: on PostgreSQL its connections, on SQLite by a lock that another process holds. */
export async function breakStore(
  host: TestHost,
  proxy: StoreProxy | undefined,
  { at, heldMs }: { at: BreakAt; heldMs: number },
): Promise<void> {
  if (proxy) return proxy.break(at);
  const database = new DatabaseSync(join(host.stateDirectory, "twinhook.db"), { timeout: 0 });
  try {
    while (!lock(database)) await sleep(TRY_MS);
    await sleep(heldMs);
    database.exec("ROLLBACK");
  } finally {
    database.close();
  }
}

/** Holds the lock on PostgreSQL that every commit of the instances needs. */
export async function lockPostgres(url: string, heldMs: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  // The server may be stopped meanwhile, which ends the lock as well.
  client.on("error", () => {});
  try {
    await client.connect();
    await client.query("BEGIN; LOCK TABLE twinhook_version IN ACCESS EXCLUSIVE MODE");
    await sleep(heldMs);
  } catch {
    // It could not be had.
  } finally {
    await client.end().catch(() => {});
  }
}

function lock(database: DatabaseSync): boolean {
  try {
    database.exec("BEGIN IMMEDIATE");
    return true;
  } catch (error) {
    if (!/locked/.test((error as Error).message)) throw error;
    return false;
  }
}
