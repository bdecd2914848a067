import type { TransactionTask } from "../store/sqlite/transaction-task.ts";
import type { Store } from "../store/store.ts";
import type { Arrival } from "./arrival.ts";
import { type Accepted, commitBatch } from "./commit-batch.ts";

/** Sent to the thread of the connection, and so plain data. */
export interface CommitInput {
  arrivals: Arrival[];
  by: { instance: string; now: number };
}

/** {@link commitBatch} in the thread of the SQLite connection. */
const commitTask: TransactionTask<CommitInput, Accepted[]> = (trx, { arrivals, by }) => {
  // All that the statements of a transaction ask of a SQLite store: its time is the instance's, and a commit
  // is noticed without word of it.
  const store: Pick<Store, "engine" | "now" | "notify"> = {
    engine: "sqlite",
    now: async () => by.now,
    notify: async () => {},
  };
  return commitBatch(trx, store as Store, arrivals, by);
};

export default commitTask;
