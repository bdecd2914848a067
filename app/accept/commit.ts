import type { Store } from "../store/store.ts";
import type { Accepted } from "./accepted.ts";
import type { Arrival } from "./arrival.ts";
import type { CommitInput } from "./commit-task.ts";

/** Commits a batch of arrivals durably. Returns each arrival's result, in order. */
export function commit(store: Store, arrivals: Arrival[], by: CommitInput["by"]): Promise<Accepted[]> {
  // Pass only these fields to the store's thread: a target's whole configuration is many times larger.
  const lean = arrivals.map((arrival) => ({
    ...arrival,
    targets: arrival.targets.map(({ name, environment, refs, routes, approval }) => ({
      ...{ name, environment, refs, routes, approval },
    })),
  }));
  return store.perform<Accepted[]>("commit-task", { arrivals: lean, by } satisfies CommitInput);
}
