import type { TransactionTask } from "../store/store.ts";
import type { Accepted } from "./accepted.ts";
import type { Arrival } from "./arrival.ts";
import { commitBatch } from "./commit-batch.ts";

export interface CommitInput {
  arrivals: Arrival[];
  by: { instance: string; now: number };
}

/** {@link commitBatch} as a task for the database thread. */
const commitTask: TransactionTask<CommitInput, Accepted[]> = (trx, context, { arrivals, by }) =>
  commitBatch(trx, context, arrivals, by);

export default commitTask;
