import { inSlices } from "../store/in-slices.ts";
import type { DeploymentRecord } from "../store/schema.ts";
import type { Writer } from "../store/store.ts";

/**
 * Marks the deliveries of superseded deployments. Call it inside the transaction that supersedes them. A
 * delivery keeps its outcome if another of its deployments is not superseded.
 */
export async function noteOnDeliveries(
  trx: Writer,
  superseded: readonly Pick<DeploymentRecord, "id" | "accepted_at">[],
  reason: string,
): Promise<void> {
  await inSlices(superseded, async (slice) => {
    const ids = new Set(slice.map(({ id }) => id));
    const found = await trx
      .selectFrom("deliveries")
      .select(["id", "deployment_ids"])
      // A delivery and its deployments are accepted in one commit, with one time; this column has an index.
      .where("received_at", "in", [...new Set(slice.map(({ accepted_at }) => accepted_at))])
      .where("outcome", "=", "deployed")
      .execute();
    const brought = found
      .map(({ id, deployment_ids }) => ({ id, made: JSON.parse(deployment_ids) as string[] }))
      .filter(({ made }) => made.some((one) => ids.has(one)));
    const others = brought.flatMap(({ made }) => made.filter((one) => !ids.has(one)));
    const going = new Set<string>();
    await inSlices(others, async (some) => {
      const rows = await trx
        .selectFrom("deployments")
        .select("id")
        .where("id", "in", some)
        .where("status", "<>", "superseded")
        .execute();
      for (const { id } of rows) going.add(id);
    });
    const over = brought.filter(({ made }) => !made.some((one) => going.has(one))).map(({ id }) => id);
    await inSlices(over, (some) =>
      trx.updateTable("deliveries").set({ outcome: "superseded", reason }).where("id", "in", some).execute(),
    );
  });
}
