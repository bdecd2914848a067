import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import { atTestEnd } from "./at-test-end.ts";
import { PATIENCE_MS } from "./patience.ts";
import type { TestHost } from "./test-host.ts";

/** Holds the lock that every commit of the instances needs, as a stranger would. Resolves with how to let go. */
export async function holdStore(host: TestHost): Promise<() => Promise<void>> {
  const url = host.env.DATABASE_URL;
  let held = true;
  const release =
    url === undefined ? holdSqlite(join(host.stateDirectory, "twinhook.db")) : await holdPostgres(url);
  const once = async () => {
    if (held) await release();
    held = false;
  };
  atTestEnd(once);
  return once;
}

function holdSqlite(path: string): () => Promise<void> {
  const database = new DatabaseSync(path, { timeout: PATIENCE_MS });
  database.exec("BEGIN IMMEDIATE");
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
