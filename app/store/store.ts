import type { Compilable, Kysely, Transaction } from "kysely";
import type { TaskName } from "../bundle/entry-points.ts";
import type { Database } from "./schema.ts";

export type Writer = Transaction<Database>;
export type Reader = Kysely<Database>;

/** The parts of the store that statements inside a transaction may use. */
export type StoreContext = Pick<Store, "can" | "lockNamed" | "now" | "notify">;

/**
 * A transaction that needs only its input. Input and output are plain data. It is the default export of its
 * module, so that another thread can load it.
 */
export type TransactionTask<I, O> = (trx: Writer, context: StoreContext, input: I) => Promise<O>;

/** The differences between engines that the App depends on. */
export interface StoreCapabilities {
  /** Transactions run side by side and lock rows. Without it, one transaction writes at a time. */
  readonly rowLocks: boolean;
  /** Instances on several hosts share the store. */
  readonly severalHosts: boolean;
  /** A database that lost its file is put back as a copy, and notes that in `store_copies`. */
  readonly copies: boolean;
}

/** The durable store, on either engine. */
export interface Store {
  /** Only the store's own folder asks for it; others ask what it `can`. */
  readonly engine: "sqlite" | "postgres";
  readonly can: StoreCapabilities;
  /** For single statements that only read. */
  readonly read: Reader;
  /**
   * Runs `work` in one transaction and commits it durably: when the promise resolves, it is on disk.
   * @throws {StoreUnavailableError} when it could not be committed; nothing of it was written.
   */
  write<T>(work: (trx: Writer) => Promise<T>): Promise<T>;
  /**
   * Does the same with one statement, and returns its rows. On SQLite it is one message to the connection's thread,
   * instead of three.
   */
  writeOne<R>(statement: (db: Reader) => Compilable<R>): Promise<readonly R[]>;
  /**
   * Does the same with a {@link TransactionTask}, the default export of the named module. On SQLite it runs
   * in the connection's thread: one message each way, instead of two for every statement.
   */
  perform<O>(task: TaskName, input: unknown): Promise<O>;
  /** The time for leases: the database's own clock where instances may run on several hosts. */
  now(db: Reader): Promise<number>;
  /** Inside a transaction: keeps every other transaction that locks this name waiting until this one ends. */
  lockNamed(trx: Writer, name: string): Promise<void>;
  /** Inside a transaction: wakes every `onChange` listener, once it is committed. */
  notify(trx: Writer): Promise<void>;
  /** Calls `listener` soon after a commit of any process; returns a function that stops it. */
  onChange(listener: () => void): () => void;
  /**
   * Proves that a commit is possible right now, within `limitMs`.
   * @throws {StoreUnavailableError} when it is not, {StoreTooNewError} when a newer release owns the store.
   */
  probe(limitMs: number): Promise<void>;
  /** Another instance cannot commit, so the next probe must not rely on an earlier proof. */
  doubt(): void;
  close(): Promise<void>;
}
