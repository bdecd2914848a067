import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import { atTestEnd } from "./at-test-end.ts";
import { eventually } from "./eventually.ts";
import type { TestHost } from "./test-host.ts";

/** Holds the lock that every commit of the instances needs, as a stranger would. Resolves with how to let go. */
export async function holdStore(host: TestHost): Promise<() => Promise<void>> {
  const url = host.env.DATABASE_URL;
  let held = true;
  const release =
    url === undefined ? await holdSqlite(join(host.stateDirectory, "twinhook.db")) : await holdPostgres(url);
  const once = async () => {
    if (held) await release();
    held = false;
  };
  atTestEnd(once);
  return once;
}

async function holdSqlite(path: string): Promise<() => Promise<void>> {
  const database = new DatabaseSync(path, { timeout: 0 });
  // Not by SQLite's own waiting: whoever has the lock may be in this process, and need it to go on.
  await eventually(() => database.exec("BEGIN IMMEDIATE"));
  return async () => {
    database.exec("ROLLBACK");
    database.close();
  };
}

async function holdPostgres(url: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("BEGIN; LOCK TABLE twinhook_version IN ACCESS EXCLUSIVE MODE");
  return async () => {
    await client.query("ROLLBACK");
    await client.end();
  };
}
