import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { type Clock, systemClock } from "../../app/clock.ts";
import type { StoreAddress } from "../../app/config/store-address.ts";
import { type OpenOptions, openStore } from "../../app/store/open-store.ts";
import type { Store } from "../../app/store/store.ts";
import { atTestEnd } from "./at-test-end.ts";
import { lendDatabase } from "./lent-database.ts";
import { createDatabase } from "./postgres.ts";

/** Every behaviour of the store, the queue and the whole App is tested on both. */
export const ENGINES = ["sqlite", "postgres"] as const;
export type Engine = (typeof ENGINES)[number];

/** A folder that is removed when the test has ended. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "twinhook-"));
  atTestEnd(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));
  return directory;
}

/** The address of a store that does not exist yet. */
export async function newStoreAddress(engine: Engine): Promise<StoreAddress> {
  return engine === "sqlite"
    ? { engine, path: join(temporaryDirectory(), "twinhook.db") }
    : { engine, url: await createDatabase(inject("postgresUrl")) };
}

/** The URL of a database with the present schema; undefined for SQLite, whose file every host makes itself. */
export async function newDatabaseUrl(engine: Engine): Promise<string | undefined> {
  return engine === "postgres"
    ? lendDatabase(inject("postgresUrl"), inject("postgresTemplate"))
    : undefined;
}

/**
 * A store with the present schema, closed when the test has ended. SQLite works in the test's own thread, as it does
 * in a runner: threads cost more than most tests.
 */
export async function newStore(engine: Engine, clock?: Clock): Promise<Store> {
  if (engine === "postgres")
    return open({ engine, url: (await newDatabaseUrl(engine)) as string }, { ...(clock && { clock }) });
  const path = join(temporaryDirectory(), "twinhook.db");
  copyFileSync(inject("sqliteTemplate"), path);
  return open({ engine, path }, { threads: false, ...(clock && { clock }) });
}

/** Opens a store as an instance would, closed when the test has ended. */
export function reopen(address: StoreAddress): Promise<Store> {
  return open(address);
}

/** So that tests wait for no commit to be noticed. */
const WATCH_MS = 5;

async function open(address: StoreAddress, options: Partial<OpenOptions> = {}): Promise<Store> {
  const store = await openStore(address, { clock: systemClock, watchMs: WATCH_MS, ...options });
  atTestEnd(() => store.close());
  return store;
}
