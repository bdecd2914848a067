import pg from "pg";
import { atTestEnd, runningTest } from "./at-test-end.ts";
import { createDatabase } from "./postgres.ts";

/** Databases that a test has given back, as new as they were. They belong to this process alone. */
const free: string[] = [];
/** How a new database is, from which a used one is told apart. */
let asNew: Promise<New> | undefined;

interface New {
  /** Changes with every change of the schema. */
  schema: string;
  /** The statements that bring the rows back to those of the template. */
  renew: string;
}

/** One that holds more rows than this is not worth its renewal: what is deleted still takes room. */
const MOST_ROWS = 2_000;
/** How often, and after which pause (ms), to look whether the instances' connections are gone. */
const LOOKS = 20;
const LOOK_MS = 10;

/**
 * Lends the running test a database with the present schema, and the rows of `template` alone. To make one costs the
 * server much more than to renew one. Outside a test it makes one for good.
 */
export async function lendDatabase(serverUrl: string, template: string): Promise<string> {
  if (runningTest.getStore() === undefined || process.env.TEST_MAY_START_PROCESSES)
    return createDatabase(serverUrl, template);
  const url = free.pop() ?? (await createDatabase(serverUrl, template));
  asNew ??= within(url, describe);
  const { schema, renew } = await asNew;
  // Registered before all that uses the database, and so done after that has ended.
  atTestEnd(async () => {
    if (await within(url, (client) => renewed(client, schema, renew))) free.push(url);
  });
  return url;
}

async function within<T>(url: string, act: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await act(client);
  } finally {
    await client.end();
  }
}

async function describe(client: pg.Client): Promise<New> {
  const names = async (sql: string) =>
    (await client.query<{ name: string }>(sql)).rows.map((row) => row.name);
  const tables = await names(
    "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'kysely%'",
  );
  const sequences = await names(
    "SELECT quote_ident(sequencename) AS name FROM pg_sequences WHERE schemaname = 'public'",
  );
  const inserts: string[] = [];
  for (const table of tables) {
    const { rows } = await client.query(`SELECT json_agg(t) AS rows FROM ${table} t`);
    const [{ rows: kept }] = rows as [{ rows: object[] | null }];
    if (kept === null) continue;
    const text = client.escapeLiteral(JSON.stringify(kept));
    inserts.push(
      `INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(NULL::${table}, ${text})`,
    );
  }
  const renew = [
    "BEGIN",
    // No foreign key sets an order.
    "SET LOCAL session_replication_role = replica",
    ...tables.map((table) => `DELETE FROM ${table}`),
    ...inserts,
    ...sequences.map((name) => `SELECT setval('${name}', 1, false)`),
    "COMMIT",
  ].join("; ");
  return { schema: await schemaOf(client), renew };
}

async function schemaOf(client: pg.Client): Promise<string> {
  const { rows } = await client.query(`SELECT
    (SELECT max(oid) || ' ' || count(*) FROM pg_class) || ' ' ||
    (SELECT max(oid) || ' ' || count(*) FROM pg_constraint) || ' ' ||
    (SELECT coalesce(max(oid), 0) || ' ' || count(*) FROM pg_trigger) || ' ' ||
    (SELECT max(oid) FROM pg_proc) AS schema`);
  return (rows as [{ schema: string }])[0].schema;
}

/** Whether the database is as it was. It is not where somebody may still write to it, or has changed its schema. */
async function renewed(client: pg.Client, schema: string, renew: string): Promise<boolean> {
  for (let looks = 0; await isInUse(client); looks++) {
    if (looks === LOOKS) return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  if ((await schemaOf(client)) !== schema) return false;
  const results = (await client.query(renew)) as unknown as pg.QueryResult[];
  const deleted = results.filter(({ command }) => command === "DELETE").map(({ rowCount }) => rowCount ?? 0);
  return deleted.reduce((sum, count) => sum + count, 0) <= MOST_ROWS;
}

async function isInUse(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query(
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() LIMIT 1",
  );
  return rows.length > 0;
}
