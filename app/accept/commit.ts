import type { SqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { Store } from "../store/store.ts";
import type { Arrival } from "./arrival.ts";
import { type Accepted, commitBatch } from "./commit-batch.ts";
import type { CommitInput } from "./commit-task.ts";

const TASK = new URL("./commit-task.ts", import.meta.url);

/** Commits a batch of arrivals durably, and returns what became of each, in order. */
export function commit(store: Store, arrivals: Arrival[], by: CommitInput["by"]): Promise<Accepted[]> {
  if (store.engine === "postgres") return store.write((trx) => commitBatch(trx, store, arrivals, by));
  // Copied to another thread, and a target's whole configuration is many times what is needed of it.
  const lean = arrivals.map((arrival) => ({
    ...arrival,
    targets: arrival.targets.map(({ name, environment }) => ({ name, environment })),
  }));
  return (store as SqliteStore).writeInThread(TASK, { arrivals: lean, by } satisfies CommitInput);
}
