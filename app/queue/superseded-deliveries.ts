import { inSlices } from "../store/in-slices.ts";
import type { DeploymentRecord } from "../store/schema.ts";
import type { Writer } from "../store/store.ts";

/**
 * Inside the transaction that supersedes deployments: the deliveries that brought them deployed nothing. A delivery
 * that also brought another deployment, which is not superseded, stays as it is.
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
      // A delivery and what it brought are accepted in one commit; by this time there is an index.
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
