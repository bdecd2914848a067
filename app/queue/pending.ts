import type { DeploymentRecord } from "../store/schema.ts";
import type { Store } from "../store/store.ts";

/** A deployment that stands as running. */
export type RunningDeployment = Pick<
  DeploymentRecord,
  "id" | "repository_key" | "target" | "host" | "holder" | "lock" | "lease_until"
>;

/** What waits and what runs, over all targets. */
export interface Pending {
  waiting: { repositoryKey: string; target: string; count: number }[];
  running: RunningDeployment[];
}

/** Every target for which something waits, and every deployment that stands as running. */
export async function pending(store: Store): Promise<Pending> {
  const [waiting, running] = await Promise.all([
    store.read
      .selectFrom("deployments")
      .select((e) => ["repository_key as repositoryKey", "target", e.fn.countAll<number>().as("count")])
      .where("status", "=", "queued")
      .groupBy(["repository_key", "target"])
      .execute(),
    store.read
      .selectFrom("deployments")
      .select(["id", "repository_key", "target", "host", "holder", "lock", "lease_until"])
      .where("status", "=", "running")
      .execute(),
  ]);
  return { waiting, running };
}
