import type { Store } from "../store/store.ts";
import { compareOrder, markOf } from "./order.ts";
import { requeue } from "./requeue.ts";

/**
 * Puts a failed or cancelled deployment back into the queue, as its next attempt.
 * Returns null, or the reason for a refusal in words.
 */
export function retry(store: Store, id: string): Promise<string | null> {
  return store.write(async (trx) => {
    const row = await trx
      .selectFrom("deployments")
      .selectAll()
      .where("id", "=", id)
      .executeTakeFirstOrThrow();
    if (row.status !== "failed" && row.status !== "cancelled")
      return `only a failed or cancelled deployment can be retried; this one is ${row.status}`;
    const target = await trx
      .selectFrom("targets")
      .selectAll()
      .where("repository", "=", row.repository_key)
      .where("target", "=", row.target)
      .executeTakeFirstOrThrow();
    const mark = markOf(target);
    if (compareOrder({ runId: row.order_run_id, runAttempt: row.order_run_attempt }, mark) < 0)
      return (
        `a newer run (${mark.deploymentId}) has been deployed since; to go back to this commit on purpose, ` +
        `POST /api/deployments with "target" and "sha": "${row.sha}"`
      );
    await requeue(trx, store, id, { mark, byPerson: true });
    return null;
  });
}
