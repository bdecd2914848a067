import { inSlices } from "../store/in-slices.ts";
import type { DeploymentRecord, WaitingRunRow } from "../store/schema.ts";
import type { StoreContext, Writer } from "../store/store.ts";
import { announce } from "./announce.ts";
import type { Order } from "./order.ts";

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

/**
 * Ends the waiting of a target's runs before `before`, which has begun: no approved job may overwrite it. Call it
 * inside the transaction that raises the mark.
 */
export async function supersedeWaiting(
  trx: Writer,
  { repository, target }: Pick<WaitingRunRow, "repository" | "target">,
  before: Order,
  reason: string,
): Promise<void> {
  const ended = await trx
    .deleteFrom("waiting_runs")
    .where("repository", "=", repository)
    .where("target", "=", target)
    .where((e) =>
      e.or([
        e("run_id", "<", before.runId),
        e.and([e("run_id", "=", before.runId), e("run_attempt", "<", before.runAttempt)]),
      ]),
    )
    .returning("delivery_id")
    .execute();
  await noteEndOfWait(trx, repository, ended, { outcome: "superseded", reason });
}

/** Notes on deliveries that one of their targets waits no longer; `end` is for those that made no deployment. */
export async function noteEndOfWait(
  trx: Writer,
  repository: string,
  ended: readonly Pick<WaitingRunRow, "delivery_id">[],
  end: { outcome: "superseded" | "duplicate"; reason: string },
): Promise<void> {
  await inSlices([...new Set(ended.map(({ delivery_id }) => delivery_id))], async (slice) => {
    const waiting = await trx
      .selectFrom("waiting_runs")
      .select("delivery_id")
      .where("repository", "=", repository)
      .where("delivery_id", "in", slice)
      .execute();
    const over = slice.filter((id) => !waiting.some(({ delivery_id }) => delivery_id === id));
    if (over.length === 0) return;
    const deliveries = trx.updateTable("deliveries").where("id", "in", over).where("outcome", "=", "waiting");
    await deliveries.set(end).where("deployment_ids", "=", "[]").execute();
    await deliveries.set({ outcome: "deployed", reason: null }).execute();
  });
}

/** Ends waiting deployments that a newer one (`by`) overtook. */
export async function supersede(
  trx: Writer,
  store: StoreContext,
  rows: readonly DeploymentRecord[],
  by: string | null,
): Promise<void> {
  if (rows.length === 0) return;
  const superseded = {
    status: "superseded" as const,
    superseded_by: by,
    reason: "a newer run took its place before it began",
    finished_at: await store.now(trx),
  };
  const ids = rows.map(({ id }) => id);
  await inSlices(ids, async (slice) => {
    const changed = await trx
      .updateTable("deployments")
      .set(superseded)
      .where("id", "in", slice)
      .where("status", "=", "queued")
      .returning(["id", "accepted_at"])
      .execute();
    await noteOnDeliveries(trx, changed, superseded.reason);
    await announce(
      trx,
      store,
      changed.map(({ id }) => ({ id, status: "superseded" })),
    );
  });
}
