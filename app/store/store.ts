import type { Kysely, Transaction } from "kysely";
import type { TaskName } from "../bundle/entry-points.ts";
import type { Database } from "./schema.ts";

export type Writer = Transaction<Database>;
export type Reader = Kysely<Database>;

/** What the statements of a transaction may ask of the store that they run in. */
export type StoreContext = Pick<Store, "can" | "lockNamed" | "now" | "notify">;

/**
 * The work of a transaction that needs nothing but its input. Input and output are plain data, and it is the
 * default export of its module, so that another thread can load it by itself.
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

/** The durable store, whichever engine keeps it. */
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
   * Does the same with a {@link TransactionTask}, the default export of that module. On SQLite it runs in
   * the thread of the connection: one message each way in place of two for every statement.
   */
  perform<O>(task: TaskName, input: unknown): Promise<O>;
  /** The time by which leases are measured: the database's own where instances may run on several hosts. */
  now(db: Reader): Promise<number>;
  /** Inside a transaction: keeps every other transaction that locks this name waiting until this one ends. */
  lockNamed(trx: Writer, name: string): Promise<void>;
  /** Inside a transaction: wakes everyone who listens by `onChange`, once it is committed. */
  notify(trx: Writer): Promise<void>;
  /** Calls `listener` soon after any process committed; returns how to stop. */
  onChange(listener: () => void): () => void;
  /**
   * Proves that a commit is possible right now, within `limitMs`.
   * @throws {StoreUnavailableError} when it is not, {StoreTooNewError} when a newer release has taken it over.
   */
  probe(limitMs: number): Promise<void>;
  /** Another instance cannot commit: the next probe relies on nothing that was proven before. */
  doubt(): void;
  close(): Promise<void>;
}
