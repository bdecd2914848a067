import type { ControllerLease } from "../failover/controller-lease.ts";
import type { Store } from "../store/store.ts";

/** How many rows one transaction deletes: accepting must not wait long for it. */
const BATCH = 200;

export interface Deletion {
  store: Store;
  lease: ControllerLease;
  /** Called between two transactions, so that others can write. */
  pause: () => Promise<void>;
}

const FINAL = ["succeeded", "failed", "cancelled", "superseded"] as const;

/** Deletes deliveries that arrived before `all` (ms), and ignored ones from before `idle` (ms). Returns how many. */
export async function deleteDeliveries(
  { store, lease, pause }: Deletion,
  before: { idle: number; all: number },
): Promise<number> {
  for (let deleted = 0; ; await pause()) {
    const old = await store.read
      .selectFrom("deliveries")
      .select("id")
      .where((e) =>
        e.or([
          e("received_at", "<", before.all),
          e.and([e("received_at", "<", before.idle), e("outcome", "=", "ignored")]),
        ]),
      )
      .orderBy("received_at")
      .limit(BATCH)
      .execute();
    if (old.length === 0) return deleted;
    await lease.write(async (trx) => {
      const gone = await trx
        .deleteFrom("deliveries")
        .where(
          "id",
          "in",
          old.map(({ id }) => id),
        )
        // A delivery that arrived again meanwhile is new.
        .where("received_at", "<", Math.max(before.idle, before.all))
        .returning("id")
        .execute();
      if (gone.length > 0)
        await trx
          .deleteFrom("waiting_runs")
          .where(
            "delivery_id",
            "in",
            gone.map(({ id }) => id),
          )
          .execute();
    });
    deleted += old.length;
  }
}

/** Deletes the logs of deployments that ended before this time (ms). Returns the number of logs. */
export async function deleteLogs({ store, lease, pause }: Deletion, before: number): Promise<number> {
  let deleted = 0;
  for (let after = ""; ; ) {
    const next = await store.read
      .selectFrom("log_chunks as l")
      .leftJoin("deployments as d", "d.id", "l.deployment_id")
      .select(["l.deployment_id as id", "d.accepted_at", "d.finished_at"])
      .where("l.deployment_id", ">", after)
      .orderBy("l.deployment_id")
      .limit(1)
      .executeTakeFirst();
    // Ids begin with the time: all that follow were accepted later.
    if (!next || (next.accepted_at !== null && next.accepted_at >= before)) return deleted;
    after = next.id;
    if (next.finished_at === null || next.finished_at >= before) continue;
    await lease.write((trx) =>
      trx
        .deleteFrom("log_chunks")
        .where("deployment_id", "=", next.id)
        // A deployment that is retried meanwhile has not ended.
        .where("deployment_id", "in", (e) =>
          e
            .selectFrom("deployments")
            .select("id")
            .where("id", "=", next.id)
            .where("finished_at", "<", before),
        )
        .execute(),
    );
    deleted += 1;
    await pause();
  }
}

/**
 * Deletes the deployments that ended before this time (ms), and returns how many. Of every target two stay: the one of
 * its high-water mark, below which nothing is deployed any more, and the last that succeeded. Delete logs first.
 */
export async function deleteDeployments({ store, lease, pause }: Deletion, before: number): Promise<number> {
  const kept = await keptDeployments(store);
  let deleted = 0;
  let after = 0;
  for (;;) {
    const rows = await store.read
      .selectFrom("deployments")
      .select(["seq", "id", "status", "accepted_at", "finished_at"])
      .where("seq", ">", after)
      .orderBy("seq")
      .limit(BATCH)
      .execute();
    const old = rows.filter(
      ({ id, finished_at }) => finished_at !== null && finished_at < before && !kept.has(id),
    );
    if (old.length > 0) {
      await lease.write((trx) =>
        trx
          .deleteFrom("deployments")
          .where(
            "id",
            "in",
            old.map(({ id }) => id),
          )
          .where("status", "in", FINAL)
          .where("finished_at", "<", before)
          .execute(),
      );
      deleted += old.length;
      await pause();
    }
    const last = rows.at(-1);
    if (!last || rows.length < BATCH || last.accepted_at >= before) return deleted;
    after = last.seq;
  }
}

async function keptDeployments(store: Store): Promise<Set<string>> {
  const marks = await store.read.selectFrom("targets").select("mark_deployment_id as id").execute();
  const succeeded = await store.read
    .selectFrom("deployments")
    .select("id")
    .where("seq", "in", (e) =>
      e
        .selectFrom("deployments")
        .select((s) => s.fn.max("seq").as("seq"))
        .where("status", "=", "succeeded")
        .groupBy(["repository_key", "target"]),
    )
    .execute();
  return new Set([...marks, ...succeeded].flatMap(({ id }) => (id === null ? [] : [id])));
}

/** The tables of history beside deployments, each with its column of time. */
const HISTORY = [
  { table: "failovers", time: "decided_at" },
  { table: "alerts", time: "at" },
  { table: "audit", time: "at" },
] as const;

/** Deletes history from before this time (ms), except the newest row of each table. Returns the number of rows. */
export async function deleteHistory({ store, lease, pause }: Deletion, before: number): Promise<number> {
  let deleted = 0;
  for (const { table, time } of HISTORY) {
    // All three tables have an id and a time. The type of one stands for all.
    const name = table as "audit";
    for (;;) {
      const old = await store.read
        .selectFrom(name)
        .select("id")
        .where(time as "at", "<", before)
        .where("id", "<", (e) => e.selectFrom(name).select((s) => s.fn.max("id").as("id")))
        .orderBy("id")
        .limit(BATCH)
        .execute();
      if (old.length === 0) break;
      const ids = old.map(({ id }) => id);
      await lease.write((trx) => trx.deleteFrom(name).where("id", "in", ids).execute());
      deleted += ids.length;
      await pause();
    }
  }
  return deleted;
}
