import type { Insertable } from "kysely";
import type { DeploymentStatus } from "../../shared/deployment.ts";
import { announce } from "../queue/announce.ts";
import { type Mark, markOf, placeInOrder } from "../queue/order.ts";
import { requeue } from "../queue/requeue.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { DeliveryOutcome, DeliveryRow, DeploymentRow } from "../store/schema.ts";
import type { StoreContext, Writer } from "../store/store.ts";
import { type AcceptedDeployment, type Arrival, newId } from "./arrival.ts";

/** What became of an arrival, once it is committed. */
export interface Accepted {
  deliveryId: string | null;
  outcome: DeliveryOutcome;
  reason: string | null;
  deployments: AcceptedDeployment[];
  /** Whether a deployment now waits that did not before. */
  queued: boolean;
  /** A known key that was asked for with another sha; nothing was changed. */
  conflict: { id: string; sha: string } | null;
}

/** What the batch has read or written so far, so that its arrivals see each other. */
interface BatchState {
  deliveries: Map<string, DeliveryRow>;
  deployments: Map<string, Insertable<DeploymentRow> & { id: string }>;
  runs: Map<string, { status: string }[]>;
  marks: Map<string, Mark>;
}

const targetKey = (repository: string, target: string) => `${repository}\n${target}`;
const runKey = (repository: string, target: string, runId: number | null) =>
  `${targetKey(repository, target)}\n${runId}`;

/**
 * Writes a batch of arrivals in the transaction `trx`: their deliveries, and a deployment for every key that is
 * new. Returns what became of each, in order. The statements are few and grow with the batch, not in number:
 * this is what makes a durable accept cheap.
 */
export async function commitBatch(
  trx: Writer,
  store: StoreContext,
  arrivals: readonly Arrival[],
  by: { instance: string; now: number },
): Promise<Accepted[]> {
  const state = await readState(trx, store, arrivals);
  const newDeliveries = new Map<string, DeliveryRow>();
  const newDeployments: Insertable<DeploymentRow>[] = [];
  /** Deployments that were never shown at GitHub, and for which an Action now waits there. */
  const shownLate: { id: string; status: DeploymentStatus }[] = [];
  const accepted: Accepted[] = [];

  for (const arrival of arrivals) {
    const known = arrival.guid === null ? undefined : state.deliveries.get(arrival.guid);
    const knownIds = known ? (JSON.parse(known.deployment_ids) as string[]) : [];
    if (known && knownIds.length > 0) {
      accepted.push({
        deliveryId: known.id,
        outcome: "duplicate",
        reason: `the delivery ${arrival.guid} is already on record`,
        deployments: knownIds.map((id) => ({ id, duplicate: true })),
        queued: false,
        conflict: null,
      });
      continue;
    }
    const result: Accepted = {
      deliveryId: known?.id ?? newId("dlv"),
      outcome: "ignored",
      reason: arrival.ignored,
      deployments: [],
      queued: false,
      conflict: null,
    };
    for (const target of arrival.targets) await place(arrival, target.name, target.environment, result);
    // A refused request leaves no trace; an event is noted whatever came of it.
    if (result.conflict === null || arrival.guid !== null) {
      const row = deliveryRow(arrival, result, by);
      newDeliveries.set(row.id, row);
      if (arrival.guid !== null) state.deliveries.set(arrival.guid, row);
    }
    accepted.push(result);
  }

  if (newDeployments.length > 0) await trx.insertInto("deployments").values(newDeployments).execute();
  if (newDeliveries.size > 0)
    await trx
      .insertInto("deliveries")
      .values([...newDeliveries.values()])
      .onConflict((c) =>
        c
          .column("guid")
          .doUpdateSet(({ ref }) => ({
            outcome: ref("excluded.outcome"),
            reason: ref("excluded.reason"),
            deployment_ids: ref("excluded.deployment_ids"),
            received_at: ref("excluded.received_at"),
            received_by: ref("excluded.received_by"),
          }))
          // Another instance may have accepted the same event a moment ago; what it made stays.
          .where("deliveries.deployment_ids", "=", "[]"),
      )
      .execute();
  // What was superseded from the start is shown at GitHub only where an Action waits for it.
  const shown = newDeployments.filter((row) => row.status === "queued" || row.github_deployment_id);
  await announce(
    trx,
    store,
    [...shown, ...shownLate].map(({ id, status }) => ({ id, status })),
  );
  return accepted;

  async function place(arrival: Arrival, target: string, environment: string, result: Accepted) {
    const facts = arrival.facts;
    if (!facts) return;
    const repository = repositoryKey(facts.repository);
    const sameRun = state.runs.get(runKey(repository, target, facts.runId)) ?? [];
    const existing =
      facts.runId === null
        ? undefined
        : state.deployments.get(`${runKey(repository, target, facts.runId)}\n${facts.runAttempt}`);
    const mark = state.marks.get(targetKey(repository, target)) as Mark;
    if (existing) {
      if (existing.sha !== facts.sha) {
        result.conflict = { id: existing.id, sha: existing.sha };
        result.reason = "the run attempt is already on record with another commit";
        return;
      }
      result.deployments.push({ id: existing.id, duplicate: true });
      if (arrival.githubDeploymentId && !existing.github_deployment_id) {
        existing.github_deployment_id = arrival.githubDeploymentId;
        if (existing.status === "superseded") shownLate.push(existing);
        await trx
          .updateTable("deployments")
          .set({ github_deployment_id: arrival.githubDeploymentId })
          .where("id", "=", existing.id)
          .where("github_deployment_id", "is", null)
          .execute();
      }
      if (result.outcome === "ignored") {
        result.outcome = "duplicate";
        result.reason = "the run attempt is already on record";
      }
      const again = arrival.viaRunAttempt;
      if (again !== null && again > (existing.via_run_attempt ?? 1)) {
        existing.via_run_attempt = again;
        result.queued ||= await requeue(trx, store, existing.id, { viaRunAttempt: again, mark });
      }
      return;
    }

    const run =
      facts.runId === null || arrival.source === "manual"
        ? null
        : { runId: facts.runId, runAttempt: facts.runAttempt ?? 1 };
    const runStartedAt = facts.runStartedAt ?? by.now;
    const { order, superseded } = placeInOrder(
      { run, runStartedAt, succeededBefore: sameRun.some(({ status }) => status === "succeeded") },
      mark,
    );
    const row = {
      id: newId("dep"),
      repository: facts.repository,
      repository_key: repository,
      target,
      environment,
      sha: facts.sha,
      ref: facts.ref,
      workflow: facts.workflow,
      actor: facts.actor,
      run_id: facts.runId,
      run_attempt: facts.runAttempt,
      run_started_at: runStartedAt,
      order_run_id: order.runId,
      order_run_attempt: order.runAttempt,
      status: superseded ? ("superseded" as const) : ("queued" as const),
      superseded_by: superseded ? mark.deploymentId : null,
      source: arrival.source,
      via_run_attempt: arrival.viaRunAttempt,
      payload: arrival.payload,
      accepted_by: by.instance,
      run_by: null,
      attempt: 1,
      interruptions: 0,
      exit_code: null,
      reason: superseded ? "a newer run has been deployed already" : null,
      accepted_at: by.now,
      started_at: null,
      finished_at: superseded ? by.now : null,
      verified_at: null,
      cancel_requested_at: null,
      holder: null,
      host: null,
      token: 0,
      lease_until: null,
      lock: null,
      github_deployment_id: arrival.githubDeploymentId ?? null,
    } satisfies Insertable<DeploymentRow>;
    newDeployments.push(row);
    if (facts.runId !== null)
      state.deployments.set(`${runKey(repository, target, facts.runId)}\n${facts.runAttempt}`, row);
    result.deployments.push({ id: row.id, duplicate: false });
    result.reason = row.reason;
    if (!superseded) {
      result.outcome = "deployed";
      result.queued = true;
    } else if (result.outcome !== "deployed") result.outcome = "superseded";
  }
}

async function readState(
  trx: Writer,
  store: StoreContext,
  arrivals: readonly Arrival[],
): Promise<BatchState> {
  const state: BatchState = {
    deliveries: new Map(),
    deployments: new Map(),
    runs: new Map(),
    marks: new Map(),
  };
  const guids = [...new Set(arrivals.map(({ guid }) => guid).filter((guid) => guid !== null))];
  if (guids.length > 0)
    for (const row of await trx.selectFrom("deliveries").selectAll().where("guid", "in", guids).execute())
      state.deliveries.set(row.guid as string, row);

  const wanted = new Map<string, { repository: string; target: string }>();
  const runIds = new Set<number>();
  for (const { targets, facts } of arrivals) {
    if (!facts) continue;
    const repository = repositoryKey(facts.repository);
    for (const { name } of targets) {
      wanted.set(targetKey(repository, name), { repository, target: name });
      if (facts.runId !== null) runIds.add(facts.runId);
    }
  }
  if (wanted.size === 0) return state;
  const targets = [...wanted.values()];
  await readMarks(trx, store, targets, state);
  if (runIds.size === 0) return state;
  const rows = await trx
    .selectFrom("deployments")
    .selectAll()
    // With the run's id alone the key's index cannot be used, and every deployment ever made would be read.
    .where("repository_key", "in", [...new Set(targets.map((t) => t.repository))])
    .where("target", "in", [...new Set(targets.map((t) => t.target))])
    .where("run_id", "in", [...runIds])
    .execute();
  for (const row of rows) {
    const key = runKey(row.repository_key, row.target, row.run_id);
    state.deployments.set(`${key}\n${row.run_attempt}`, row);
    state.runs.set(key, [...(state.runs.get(key) ?? []), row]);
  }
  return state;
}

/** Reads the targets' marks and keeps them from moving until this transaction ends. */
async function readMarks(
  trx: Writer,
  store: StoreContext,
  wanted: { repository: string; target: string }[],
  state: BatchState,
): Promise<void> {
  const read = async (missing: { repository: string; target: string }[]) => {
    // In one order, so that two transactions never wait for each other.
    const rows = await trx
      .selectFrom("targets")
      .selectAll()
      .where("repository", "in", [...new Set(missing.map((w) => w.repository))])
      .where("target", "in", [...new Set(missing.map((w) => w.target))])
      .orderBy("repository")
      .orderBy("target")
      .$if(store.engine === "postgres", (q) => q.forUpdate())
      .execute();
    for (const row of rows) state.marks.set(targetKey(row.repository, row.target), markOf(row));
  };
  await read(wanted);
  const missing = wanted.filter((w) => !state.marks.has(targetKey(w.repository, w.target)));
  if (missing.length === 0) return;
  const unmarked = { mark_run_id: 0, mark_run_attempt: 0, mark_run_started_at: 0, mark_deployment_id: null };
  await trx
    .insertInto("targets")
    .values(missing.map((w) => ({ ...w, watch_from: null, ...unmarked })))
    .onConflict((c) => c.columns(["repository", "target"]).doNothing())
    .execute();
  await read(missing);
}

function deliveryRow(arrival: Arrival, result: Accepted, by: { instance: string; now: number }): DeliveryRow {
  return {
    id: result.deliveryId as string,
    guid: arrival.guid,
    source: arrival.source,
    event: arrival.event,
    action: arrival.action,
    repository: arrival.repository,
    run_id: arrival.facts?.runId ?? null,
    run_attempt: arrival.facts?.runAttempt ?? null,
    received_at: by.now,
    received_by: by.instance,
    outcome: result.outcome,
    reason: result.reason,
    deployment_ids: JSON.stringify(result.deployments.map(({ id }) => id)),
  };
}
