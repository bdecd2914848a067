import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { buildApp } from "../../app/bundle/build.ts";
import { systemClock } from "../../app/clock.ts";
import { onceAvailable } from "../../app/store/once-available.ts";
import { openStore } from "../../app/store/open-store.ts";
import { startPostgres } from "./postgres.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The PostgreSQL server of this run; every test makes databases of its own on it. */
    postgresUrl: string;
    /** The name of a database there that has the present schema and no rows, to be copied. */
    postgresTemplate: string;
    /** A SQLite file that has the present schema and no rows, to be copied. */
    sqliteTemplate: string;
  }
}

/** Bundles the App as it is now, and starts one PostgreSQL server for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await buildApp();
  const postgres = await startPostgres({ durable: false });
  const template = await postgres.createDatabase();
  const directory = mkdtempSync(join(tmpdir(), "twinhook-"));
  const path = join(directory, "template.db");
  const addresses = [
    { engine: "postgres", url: template },
    { engine: "sqlite", path },
  ] as const;
  // The server gives a transaction little time, which a busy machine may exceed.
  const patient = { clock: systemClock, log: { warn: () => {} } };
  for (const address of addresses)
    await (await onceAvailable(() => openStore(address, { clock: systemClock }), patient)).close();
  project.provide("postgresUrl", postgres.url);
  project.provide("postgresTemplate", new URL(template).pathname.slice(1));
  project.provide("sqliteTemplate", path);
  return async () => {
    rmSync(directory, { recursive: true });
    await postgres.stop();
  };
}
