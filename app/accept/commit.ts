import type { Store } from "../store/store.ts";
import type { Accepted } from "./accepted.ts";
import type { Arrival } from "./arrival.ts";
import type { CommitInput } from "./commit-task.ts";

/** Commits a batch of arrivals durably, and returns what became of each, in order. */
export function commit(store: Store, arrivals: Arrival[], by: CommitInput["by"]): Promise<Accepted[]> {
  // A target's whole configuration is many times what is needed of it in the store's thread.
  const lean = arrivals.map((arrival) => ({
    ...arrival,
    targets: arrival.targets.map(({ name, environment }) => ({ name, environment })),
  }));
  return store.perform<Accepted[]>("commit-task", { arrivals: lean, by } satisfies CommitInput);
}
