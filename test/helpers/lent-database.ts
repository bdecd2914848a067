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
  /** The statements that bring back the rows of the template, once all tables are empty. */
  refill: string;
}

/** How often, and after which pause (ms), to look whether the instances' connections are gone. */
const LOOKS = 20;
const LOOK_MS = 10;

/**
 * Lends the running test a database with the present schema, and the rows of `template` alone. To make one costs the
 * server much more than to renew one. Outside a test, and where processes may outlive a test, each database is new.
 */
export async function lendDatabase(serverUrl: string, template: string): Promise<string> {
  if (runningTest.getStore() === undefined || process.env.TEST_MAY_START_PROCESSES)
    return createDatabase(serverUrl, template);
  const url = free.pop() ?? (await createDatabase(serverUrl, template));
  asNew ??= within(url, describe);
  const { schema, refill } = await asNew;
  // Registered before all that uses the database, and so done after that has ended.
  atTestEnd(async () => {
    if (await within(url, (client) => renewed(client, schema, refill))) free.push(url);
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
  const refill = [...inserts, ...sequences.map((name) => `SELECT setval('${name}', 1, false)`)].join("; ");
  return { schema: await schemaOf(client), refill };
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
async function renewed(client: pg.Client, schema: string, refill: string): Promise<boolean> {
  for (let looks = 0; await isInUse(client); looks++) {
    if (looks === LOOKS) return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  if ((await schemaOf(client)) !== schema) return false;
  // Deleted rows would still take room, by which the server plans its queries.
  const { rows } = await client.query<{ name: string }>(
    `SELECT quote_ident(relname) AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
      AND relkind = 'r' AND relname NOT LIKE 'kysely%' AND pg_relation_size(oid) > 0`,
  );
  const used = rows.map(({ name }) => name).join(", ");
  // No foreign key sets an order.
  await client.query(
    `BEGIN; SET LOCAL session_replication_role = replica; TRUNCATE ${used} CASCADE; ${refill}; COMMIT`,
  );
  return true;
}

async function isInUse(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query(
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() LIMIT 1",
  );
  return rows.length > 0;
}
