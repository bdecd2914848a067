import type { Socket } from "node:net";
import { type Compilable, Kysely, PostgresDialect, sql } from "kysely";
import pg from "pg";
import { entryPoint, type TaskName } from "../../bundle/entry-points.ts";
import type { Clock } from "../../clock.ts";
import { StoreUnavailableError } from "../errors.ts";
import { withLimit } from "../limit.ts";
import { proveCommit } from "../prove-commit.ts";
import type { Database } from "../schema.ts";
import type { Reader, Store, TransactionTask, Writer } from "../store.ts";
import { asUnavailable, codeOf } from "./unavailable.ts";

const CHANNEL = "twinhook";
/** How long until a lost listener connects again. */
const RECONNECT_MS = 250;
/**
 * How often the server is checked, and the time limit of a check. A connection that is cut off reports
 * nothing.
 */
const CHECK_MS = 3_000;
const CHECK_LIMIT_MS = 3_000;
/** PostgreSQL's int8. Run ids, times and our counters all fit a JavaScript number. */
const INT8 = 20;
/**
 * The time limits of a connection (ms). The server itself ends the transaction of a frozen instance, which would block
 * its peers.
 */
const LIMITS_MS = {
  statement_timeout: 5_000,
  lock_timeout: 4_000,
  idle_in_transaction_session_timeout: 1_500,
};

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
  /** When each connection in use was taken from the pool (monotonic). */
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
      ...LIMITS_MS,
    });
    // The pool replaces a connection that breaks while idle or inside a transaction. Without these listeners
    // the error would end the process.
    this.#pool.on("error", () => {});
    this.#pool.on("connect", (client) => client.on("error", () => {}));
    this.#pool.on("acquire", (client) => this.#taken.set(client, clock.monotonic()));
    this.#pool.on("release", (_, client) => this.#taken.delete(client));
    this.#pool.on("remove", (client) => this.#taken.delete(client));
    this.read = new Kysely<Database>({ dialect: new PostgresDialect({ pool: this.#pool }) });
  }

  /**
   * Connects. The migrations are still to be run.
   * @throws {StoreUnavailableError} when the database cannot be reached, or only through a connection pooler.
   */
  static async open(options: { url: string; clock: Clock; maxConnections?: number }): Promise<PostgresStore> {
    const store = new PostgresStore(options.url, options.clock, options.maxConnections ?? 8);
    try {
      await store.#proveLimits();
    } catch (error) {
      await store.close();
      throw asUnavailable(error);
    }
    return store;
  }

  /** A pooler that was told to pass our settings over would also lose what the server notifies us of. */
  async #proveLimits(): Promise<void> {
    const { rows } = await sql<{ name: string; setting: string }>`
      select name, setting from pg_settings where name in (${sql.join(Object.keys(LIMITS_MS))})`.execute(
      this.read,
    );
    for (const { name, setting } of rows) {
      const wanted = LIMITS_MS[name as keyof typeof LIMITS_MS];
      if (Number(setting) !== wanted)
        throw new StoreUnavailableError("pooled", `${name} is ${setting} ms and not ${wanted} ms`);
    }
  }

  async write<T>(work: (trx: Writer) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      // An error before the commit. The error of the rollback would hide it.
      let failure: unknown;
      const watched = (trx: Writer) =>
        work(trx).catch((error) => {
          failure = error;
          throw error;
        });
      try {
        return await this.read.transaction().execute(watched);
      } catch (error) {
        const cause = asUnavailable(failure ?? error);
        // Two transactions were in conflict. PostgreSQL rolled this one back, and it may run again.
        if (isConflict(cause) && tries < 5) continue;
        // The server ends the transaction of a process that stood still, before its commit.
        const isCut = cause instanceof StoreUnavailableError && cause.reason === "unreachable";
        if (failure !== undefined && isCut && tries < 2) continue;
        throw cause;
      }
    }
  }

  writeOne<R>(statement: (db: Reader) => Compilable<R>): Promise<readonly R[]> {
    return this.write(async (trx) => (await trx.executeQuery<R>(statement(trx).compile())).rows);
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

  /**
   * Keeps one connection listening. A notification may be lost while it is down, so each connect counts as
   * one.
   */
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
      // If this process was busy, an answer may be unread. Read it before judging.
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
    // Every probe commits anyway.
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    await Promise.allSettled([this.#listener?.end(), this.read.destroy()]);
  }
}

/**
 * Closes a dead connection, so that a waiting query fails now. TCP would give up after a quarter of an hour.
 */
function breakOff(client: pg.ClientBase): void {
  (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
}

/** Serialization failure, deadlock: https://www.postgresql.org/docs/current/errcodes-appendix.html */
function isConflict(error: unknown): boolean {
  return ["40001", "40P01"].includes(codeOf(error));
}
