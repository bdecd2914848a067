import type { DeploymentRecord } from "../store/schema.ts";
import type { Store } from "../store/store.ts";

/** A deployment with status `running`. */
export type RunningDeployment = Pick<
  DeploymentRecord,
  "id" | "repository_key" | "target" | "host" | "holder" | "lock" | "lease_until"
>;

/** Waiting and running deployments, over all targets. */
export interface Pending {
  waiting: { repositoryKey: string; target: string; count: number }[];
  running: RunningDeployment[];
}

/** Reads every target that has a queued deployment, and every running deployment. */
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
