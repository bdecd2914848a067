import type { Insertable } from "kysely";
import { noteEndOfWait } from "../queue/superseded-deliveries.ts";
import { inSlices } from "../store/in-slices.ts";
import type { DeploymentRow, WaitingRunRow } from "../store/schema.ts";
import type { Writer } from "../store/store.ts";
import type { KnownRecords } from "./known-records.ts";

/** Records runs that wait for an approved job, or for GitHub's word on whether they need one. */
export async function recordWaiting(
  trx: Writer,
  known: KnownRecords,
  waiting: readonly WaitingRunRow[],
): Promise<void> {
  await inSlices(waiting, (slice) =>
    trx
      .insertInto("waiting_runs")
      .values(slice)
      .onConflict((c) =>
        c
          .columns(["repository", "target", "run_id", "run_attempt", "delivery_id"])
          .doUpdateSet(({ ref }) => ({ gate: ref("excluded.gate"), arrival: ref("excluded.arrival") })),
      )
      .execute(),
  );
  for (const { repository, target } of waiting) {
    if (known.target({ repository, target }).has_waited) continue;
    known.setWaited({ repository, target });
    await trx
      .updateTable("targets")
      .set({ has_waited: 1 })
      .where("repository", "=", repository)
      .where("target", "=", target)
      .execute();
  }
}

/** Ends the waiting of runs that have a deployment now. Their deliveries name it. */
export async function endWaitingOf(
  trx: Writer,
  known: KnownRecords,
  deployments: readonly (Insertable<DeploymentRow> & { id: string })[],
): Promise<void> {
  const placed = deployments.filter(
    ({ repository_key: repository, target, run_id }) =>
      run_id !== null && known.target({ repository, target }).has_waited,
  );
  const found: WaitingRunRow[] = [];
  await inSlices(placed, async (slice) => {
    const rows = await trx
      .selectFrom("waiting_runs")
      .selectAll()
      .where("repository", "in", [...new Set(slice.map((one) => one.repository_key))])
      .where("target", "in", [...new Set(slice.map((one) => one.target))])
      .where("run_id", "in", [...new Set(slice.map((one) => one.run_id as number))])
      .execute();
    found.push(...rows);
  });
  for (const { id, repository_key: repository, target, run_id, run_attempt } of placed) {
    const ended = found.filter(
      (row) =>
        row.repository === repository &&
        row.target === target &&
        row.run_id === run_id &&
        row.run_attempt === (run_attempt ?? 1),
    );
    for (const { delivery_id } of ended) {
      await trx
        .deleteFrom("waiting_runs")
        .where("repository", "=", repository)
        .where("target", "=", target)
        .where("delivery_id", "=", delivery_id)
        .execute();
      await noteEndOfWait(trx, repository, [{ delivery_id }], {
        outcome: "duplicate",
        reason: "a later request deployed the run",
      });
      await name(trx, delivery_id, id);
    }
  }
}

/** Names the deployment in the delivery. */
async function name(trx: Writer, deliveryId: string, deploymentId: string): Promise<void> {
  const { deployment_ids } = await trx
    .selectFrom("deliveries")
    .select("deployment_ids")
    .where("id", "=", deliveryId)
    .executeTakeFirstOrThrow();
  const ids = new Set(JSON.parse(deployment_ids) as string[]).add(deploymentId);
  await trx
    .updateTable("deliveries")
    .set({ deployment_ids: JSON.stringify([...ids]) })
    .where("id", "=", deliveryId)
    .execute();
}
