import type { Store } from "../store/store.ts";
import type { Accepted } from "./accepted.ts";
import type { Arrival } from "./arrival.ts";
import type { CommitInput } from "./commit-task.ts";

/** Commits a batch of arrivals durably. Returns each arrival's result, in order. */
export function commit(store: Store, arrivals: Arrival[], by: CommitInput["by"]): Promise<Accepted[]> {
  const input: CommitInput = { arrivals: arrivals.map(leanArrival), by };
  return store.perform<Accepted[]>("commit-task", input);
}

/**
 * An arrival as it is passed to a thread or another process, with these fields alone: a target's whole configuration is
 * many times larger.
 */
export function leanArrival(arrival: Arrival): Arrival {
  return {
    ...arrival,
    targets: arrival.targets.map(({ name, environment, refs, routes, approval }) => ({
      ...{ name, environment, refs, routes, approval },
    })),
  };
}
