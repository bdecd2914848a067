import { sql } from "kysely";
import type { DeploymentRecord } from "../store/schema.ts";
import type { Reader } from "../store/store.ts";

/** A target by its repository's key and its name. */
export interface TargetKey {
  repositoryKey: string;
  target: string;
}

/** The deployments of a target, as a query. */
export function deploymentsOf(read: Reader, { repositoryKey, target }: TargetKey) {
  return read
    .selectFrom("deployments")
    .selectAll()
    .where("repository_key", "=", repositoryKey)
    .where("target", "=", target);
}

/** Those that succeeded: the last to end comes first. */
export function successes(read: Reader, target: TargetKey) {
  return (
    deploymentsOf(read, target)
      // As a literal: a parameter would keep both engines from using the index of these rows.
      .where(sql<boolean>`status = 'succeeded'`)
      .orderBy("finished_at", "desc")
      .orderBy("seq", "desc")
  );
}

/** The deployment that is live on a target: the last that succeeded. */
export function liveDeployment(read: Reader, target: TargetKey): Promise<DeploymentRecord | undefined> {
  return successes(read, target).limit(1).executeTakeFirst();
}
