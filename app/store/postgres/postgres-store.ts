import type { Socket } from "node:net";
import { Kysely, PostgresDialect, sql } from "kysely";
import pg from "pg";
import { entryPoint, type TaskName } from "../../bundle/entry-points.ts";
import type { Clock } from "../../clock.ts";
import { withLimit } from "../limit.ts";
import { proveCommit } from "../prove-commit.ts";
import type { Database } from "../schema.ts";
import type { Reader, Store, TransactionTask, Writer } from "../store.ts";
import { asUnavailable, codeOf } from "./unavailable.ts";

const CHANNEL = "twinhook";
/** Times after which a lost listener tries again. */
const RECONNECT_MS = 250;
/** How often, and for how long, the server is asked whether it is still there: one that was cut off says nothing. */
const CHECK_MS = 3_000;
const CHECK_LIMIT_MS = 3_000;
/** PostgreSQL's int8; run ids and times fit a JavaScript number, and so do our counters. */
const INT8 = 20;

pg.types.setTypeParser(INT8, Number);

/** A store in PostgreSQL, for instances on one or several hosts. */
export class PostgresStore implements Store {
  readonly engine = "postgres";
  readonly can = { rowLocks: true, severalHosts: true, copies: false };
  readonly read: Reader;
  #pool: pg.Pool;
  #url: string;
  #clock: Clock;
  #listeners = new Set<() => void>();
  /** Since when the connections of the pool that are in use are (monotonic). */
  #taken = new Map<pg.PoolClient, number>();
  #listener: pg.Client | undefined;
  #closed = false;

  private constructor(url: string, clock: Clock, maxConnections: number) {
    this.#url = url;
    this.#clock = clock;
    this.#pool = new pg.Pool({
      connectionString: url,
      max: maxConnections,
      connectionTimeoutMillis: 2_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 1_000,
      application_name: "twinhook",
      statement_timeout: 5_000,
      lock_timeout: 4_000,
      // The server itself ends the transaction of a frozen instance, which would lock out its twin.
      idle_in_transaction_session_timeout: 1_500,
    });
    // A connection that breaks while nothing is asked of it, idle in the pool or inside a transaction, is the pool's
    // to replace; without listeners it would end the process.
    this.#pool.on("error", () => {});
    this.#pool.on("connect", (client) => client.on("error", () => {}));
    this.#pool.on("acquire", (client) => this.#taken.set(client, clock.monotonic()));
    this.#pool.on("release", (_, client) => this.#taken.delete(client));
    this.#pool.on("remove", (client) => this.#taken.delete(client));
    this.read = new Kysely<Database>({ dialect: new PostgresDialect({ pool: this.#pool }) });
  }

  /** Connects. The database still lacks the migrations. */
  static async open(options: { url: string; clock: Clock; maxConnections?: number }): Promise<PostgresStore> {
    const store = new PostgresStore(options.url, options.clock, options.maxConnections ?? 8);
    try {
      await sql`select 1`.execute(store.read);
    } catch (error) {
      await store.close();
      throw asUnavailable(error);
    }
    return store;
  }

  async write<T>(work: (trx: Writer) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.read.transaction().execute(work);
      } catch (error) {
        // Two transactions that crossed each other; PostgreSQL undid this one, and it may simply run again.
        if (isConflict(error) && tries < 5) continue;
        throw asUnavailable(error);
      }
    }
  }

  async perform<O>(task: TaskName, input: unknown): Promise<O> {
    const { default: work } = (await import(entryPoint(task).href)) as {
      default: TransactionTask<unknown, O>;
    };
    return this.write((trx) => work(trx, this, input));
  }

  async now(db: Reader): Promise<number> {
    const { rows } = await sql<{ ms: number }>`
      select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as ms`.execute(db);
    return (rows[0] as { ms: number }).ms;
  }

  async lockNamed(trx: Writer, name: string): Promise<void> {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`twinhook lock ${name}`}, 0))`.execute(trx);
  }

  async notify(trx: Writer): Promise<void> {
    await sql`select pg_notify(${CHANNEL}, '')`.execute(trx);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (!this.#listener) void this.#listen();
    return () => this.#listeners.delete(listener);
  }

  /** Keeps one connection listening; a notice may have been missed while it was away, so each start is one. */
  async #listen(): Promise<void> {
    if (this.#closed) return;
    const client = new pg.Client({
      connectionString: this.#url,
      keepAlive: true,
      connectionTimeoutMillis: 2_000,
    });
    this.#listener = client;
    let lost = false;
    const again = () => {
      if (lost) return;
      lost = true;
      clearInterval(checking);
      client.end().catch(() => {});
      setTimeout(() => void this.#listen(), RECONNECT_MS).unref();
    };
    const changed = () => {
      for (const listener of this.#listeners) listener();
    };
    const check = () => {
      let answered = false;
      const hear = () => {
        answered = true;
      };
      client.query("SELECT 1").then(hear, hear);
      const judge = () => {
        if (answered || lost || this.#closed) return;
        breakOff(client);
        for (const [taken, since] of this.#taken)
          if (this.#clock.monotonic() - since >= CHECK_LIMIT_MS) breakOff(taken);
      };
      // An answer may lie here unread, where it was this process that had no time; it is read before it is judged.
      setTimeout(() => setImmediate(judge), CHECK_LIMIT_MS).unref();
    };
    const checking = setInterval(check, CHECK_MS);
    checking.unref();
    client.on("error", again);
    client.on("end", again);
    client.on("notification", changed);
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      changed();
    } catch {
      again();
    }
  }

  async probe(limitMs: number): Promise<void> {
    await withLimit(proveCommit(this, this.#clock.now()), limitMs, "unreachable");
  }

  doubt(): void {
    // Every probe is a new one.
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    await Promise.allSettled([this.#listener?.end(), this.read.destroy()]);
  }
}

/**
 * Ends a connection on which nothing is heard: whoever waits there is told now, and not when TCP gives up, after a
 * quarter of an hour.
 */
function breakOff(client: pg.ClientBase): void {
  (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
}

/** Serialization failure, deadlock: https://www.postgresql.org/docs/current/errcodes-appendix.html */
function isConflict(error: unknown): boolean {
  return ["40001", "40P01"].includes(codeOf(error));
}
