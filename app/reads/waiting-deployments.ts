import { passesHold } from "../queue/hold.ts";
import type { TargetKey } from "../queue/last-success.ts";
import { compareOrder, markOf } from "../queue/order.ts";
import type { DeploymentRecord } from "../store/schema.ts";
import type { Reader } from "../store/store.ts";

/** The queued deployments of a target, in its order. */
export async function waitingOf(
  read: Reader,
  { repositoryKey, target }: TargetKey,
): Promise<DeploymentRecord[]> {
  return read
    .selectFrom("deployments")
    .selectAll()
    .where("status", "=", "queued")
    .where("repository_key", "=", repositoryKey)
    .where("target", "=", target)
    .orderBy("order_run_id")
    .orderBy("order_run_attempt")
    .orderBy("seq")
    .execute();
}

/**
 * The deployments that begin once the target is released, in their order: the newest under `latest`. Those below
 * the high-water mark never begin.
 */
export async function dueOnRelease(
  read: Reader,
  key: TargetKey,
  queue: "latest" | "all",
): Promise<DeploymentRecord[]> {
  const [waiting, row] = await Promise.all([
    waitingOf(read, key),
    read
      .selectFrom("targets")
      .selectAll()
      .where("repository", "=", key.repositoryKey)
      .where("target", "=", key.target)
      .executeTakeFirst(),
  ]);
  const due = waiting.filter((one) => {
    const order = { runId: one.order_run_id, runAttempt: one.order_run_attempt };
    return !passesHold(one) && (!row || compareOrder(order, markOf(row)) >= 0);
  });
  return queue === "latest" ? due.slice(-1) : due;
}
