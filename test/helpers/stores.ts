import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { systemClock } from "../../app/clock.ts";
import type { StoreAddress } from "../../app/config/store-address.ts";
import { openStore } from "../../app/store/open-store.ts";
import type { Store } from "../../app/store/store.ts";
import { atTestEnd } from "./at-test-end.ts";
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
    ? createDatabase(inject("postgresUrl"), inject("postgresTemplate"))
    : undefined;
}

/** A store with the present schema, closed when the test has ended. */
export async function newStore(engine: Engine): Promise<Store> {
  const url = await newDatabaseUrl(engine);
  return reopen(url === undefined ? await newStoreAddress("sqlite") : { engine: "postgres", url });
}

/** Opens a store as another process would, closed when the test has ended. */
export async function reopen(address: StoreAddress): Promise<Store> {
  const store = await openStore(address, { clock: systemClock });
  atTestEnd(() => store.close());
  return store;
}
