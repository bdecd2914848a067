import { type Insertable, sql } from "kysely";
import { announce } from "../queue/announce.ts";
import { describeGate, type Gate, protectionOf } from "../queue/gate/approval.ts";
import { requeue } from "../queue/requeue.ts";
import { RUN_KEY } from "../store/delivery-key.ts";
import { inSlices } from "../store/in-slices.ts";
import type { DeliveryOutcome, DeliveryRow, DeploymentRow, WaitingRunRow } from "../store/schema.ts";
import type { StoreContext, Writer } from "../store/store.ts";
import type { Accepted } from "./accepted.ts";
import { gateFor, whyNotByRoute } from "./approval.ts";
import { type Arrival, newId, type RunFacts } from "./arrival.ts";
import { findConflict, isSameRef } from "./fingerprint.ts";
import { KnownRecords } from "./known-records.ts";
import { type AcceptedBy, deliveryRow, deploymentRow } from "./new-rows.ts";
import { isAction, whySetAside } from "./run-source.ts";
import { endWaitingOf, recordWaiting } from "./waiting-runs.ts";

type NewDeployment = ReturnType<typeof deploymentRow>;
/** Of the outcomes at several targets, the first of these counts. */
const OUTCOMES: DeliveryOutcome[] = ["waiting", "deployed", "superseded", "duplicate", "ignored"];

type ExistingDeployment = Insertable<DeploymentRow> & { id: string };

/**
 * Writes a batch of arrivals in the transaction `trx`: their deliveries, and a deployment for every new key.
 * Returns each arrival's result, in order.
 * The number of statements does not grow with the batch. This makes a durable accept cheap.
 */
export async function commitBatch(
  trx: Writer,
  store: StoreContext,
  arrivals: readonly Arrival[],
  by: AcceptedBy,
): Promise<Accepted[]> {
  const batch = new Batch(trx, store, by, await KnownRecords.read(trx, store, arrivals));
  const accepted: Accepted[] = [];
  for (const arrival of arrivals) accepted.push(await batch.accept(arrival));
  await batch.write();
  return accepted;
}

class Batch {
  #trx: Writer;
  #store: StoreContext;
  #by: AcceptedBy;
  #known: KnownRecords;
  #deliveries = new Map<string, DeliveryRow>();
  #deployments: NewDeployment[] = [];
  /** Superseded deployments that GitHub never showed, and for which an Action now waits there. */
  #shownLate: ExistingDeployment[] = [];
  /** The runs that wait, each by its target and delivery. */
  #waiting = new Map<string, WaitingRunRow>();

  constructor(trx: Writer, store: StoreContext, by: AcceptedBy, known: KnownRecords) {
    this.#trx = trx;
    this.#store = store;
    this.#by = by;
    this.#known = known;
  }

  async accept(arrival: Arrival): Promise<Accepted> {
    const known = this.#known.delivery(arrival);
    const knownIds = known ? (JSON.parse(known.deployment_ids) as string[]) : [];
    const result: Accepted = {
      deliveryId: known?.id ?? arrival.deliveryId ?? newId("dlv"),
      outcome: "ignored",
      reason: arrival.ignored,
      deployments: [],
      queued: false,
      conflict: null,
    };
    if (known && known.id === arrival.deliveryId) return { ...result, ...resultOf(known) };
    if (knownIds.length > 0 && known?.outcome !== "waiting")
      return {
        ...result,
        outcome: "duplicate",
        reason: `the delivery ${arrival.guid} is already on record`,
        deployments: knownIds.map((id) => ({ id, duplicate: true })),
      };
    const { facts } = arrival;
    if (facts) for (const target of arrival.targets) await this.#place({ ...arrival, facts }, target, result);
    // A refused request is not recorded; an event always is.
    if (result.conflict === null || arrival.guid !== null) {
      const row = deliveryRow({ ...arrival, guid: this.#known.freeGuid(arrival) }, result, this.#by);
      this.#deliveries.set(row.id, row);
      this.#known.addDelivery(row);
    }
    return result;
  }

  /** Adds one target's deployment of an arrival to `result`. */
  async #place(
    arrival: Arrival & { facts: RunFacts },
    named: Arrival["targets"][number],
    result: Accepted,
  ): Promise<void> {
    const { facts } = arrival;
    const target = { repository: arrival.repository, target: named.name };
    const existing = this.#known.deployment(target, facts);
    const row = this.#known.target(target);
    const { mark } = row;
    const gate = gateFor(arrival, named, protectionOf(row, named));
    if (existing) {
      const reason = findConflict(existing, arrival);
      if (reason !== null) {
        result.conflict = { id: existing.id, reason };
        result.reason = reason;
        return;
      }
      result.deployments.push({ id: existing.id, duplicate: true });
      settle(result, "duplicate", "the run attempt is already on record");
      await this.#showWhereLeft(existing, arrival);
      // Without an approval a request neither adds to a deployment nor repeats it.
      if (gate !== null && isAction(arrival.source)) return;
      await this.#complete(existing, arrival);
      const proven = [await this.#proveRef(existing, arrival), await this.#proveApproval(existing, arrival)];
      result.queued ||= proven.includes(true);
      const again = arrival.viaRunAttempt;
      if (again !== null && again > (existing.via_run_attempt ?? 1)) {
        existing.via_run_attempt = again;
        const by = { viaRunAttempt: again, approvedFor: arrival.approvedFor };
        const waits = await requeue(this.#trx, this.#store, existing.id, { ...by, mark });
        result.queued ||= waits;
      }
      return;
    }
    const { source } = arrival;
    const setAside = whySetAside(
      { source, attempt: facts.runAttempt },
      this.#known.firstSource(target, facts),
    );
    const shutOut = setAside ?? whyNotByRoute(arrival, named);
    if (shutOut !== null) return settle(result, "ignored", shutOut);
    const succeededBefore = this.#known.hasSucceeded(target, facts);
    const made = deploymentRow(arrival, named, { mark, succeededBefore }, this.#by);
    if (gate !== null) {
      if (made.status === "superseded") settle(result, "superseded", made.reason);
      else this.#wait(arrival, named, gate, result);
      return;
    }
    this.#deployments.push(made);
    this.#known.addDeployment(target, facts, made);
    result.deployments.push({ id: made.id, duplicate: false });
    result.queued ||= made.status === "queued";
    settle(result, made.status === "queued" ? "deployed" : "superseded", made.reason);
  }

  /** Records that the run waits for an approved job, without a deployment. */
  #wait(
    arrival: Arrival & { facts: RunFacts },
    named: Arrival["targets"][number],
    gate: Gate,
    result: Accepted,
  ): void {
    const { runId, runAttempt } = arrival.facts;
    const delivery_id = result.deliveryId as string;
    this.#waiting.set(`${named.name}\n${delivery_id}`, {
      repository: arrival.repository,
      target: named.name,
      run_id: runId ?? 0,
      run_attempt: runAttempt ?? 1,
      delivery_id,
      gate,
      // A released arrival is committed again. With this id it would take the waiting record for its result.
      arrival: JSON.stringify({ ...arrival, deliveryId: undefined }),
    });
    const waits = describeGate(gate, named.environment);
    const others = result.outcome === "waiting" && result.reason !== waits ? `${result.reason}; ` : "";
    settle(result, "waiting", others + waits);
  }

  /**
   * Posts the statuses of a known deployment from now on to the GitHub Deployment of the Action's request.
   */
  async #showWhereLeft(existing: ExistingDeployment, { githubDeploymentId }: Arrival): Promise<void> {
    if (!githubDeploymentId || existing.github_deployment_id) return;
    existing.github_deployment_id = githubDeploymentId;
    if (existing.status === "superseded") this.#shownLate.push(existing);
    await this.#trx
      .updateTable("deployments")
      .set({ github_deployment_id: githubDeploymentId })
      .where("id", "=", existing.id)
      .where("github_deployment_id", "is", null)
      .execute();
  }

  /** Adds new facts to a known deployment: an event brings title and number, a request its payload. */
  async #complete(
    existing: ExistingDeployment,
    { facts, viaRunAttempt, ...arrival }: Arrival & { facts: RunFacts },
  ): Promise<void> {
    const payload = existing.payload ?? arrival.payload;
    const commit_title = existing.commit_title ?? facts.commitTitle;
    // A higher attempt than the first is left to the retry, which records it.
    const via_run_attempt = existing.via_run_attempt ?? (viaRunAttempt === null ? null : 1);
    const number = existing.run_number ?? facts.numbered?.number ?? null;
    if (
      commit_title === existing.commit_title &&
      via_run_attempt === existing.via_run_attempt &&
      payload === existing.payload &&
      number === (existing.run_number ?? null)
    )
      return;
    const run_workflow = existing.run_workflow ?? facts.numbered?.workflow ?? null;
    const added = { commit_title, via_run_attempt, payload, run_number: number, run_workflow };
    Object.assign(existing, added);
    await this.#trx.updateTable("deployments").set(added).where("id", "=", existing.id).execute();
  }

  /** Releases a deployment that waits to know what its ref is of, where this arrival proves it. Returns whether it did. */
  async #proveRef(existing: ExistingDeployment, { facts }: { facts: RunFacts }): Promise<boolean> {
    const isHeld = existing.status === "queued" && existing.ref_unproven != null;
    if (!isHeld || facts.refUnproven || !isSameRef(existing, facts)) return false;
    const proven = { ref: facts.ref, ref_unproven: null, reason: null };
    Object.assign(existing, proven);
    await this.#trx.updateTable("deployments").set(proven).where("id", "=", existing.id).execute();
    await this.#store.notify(this.#trx);
    return true;
  }

  /**
   * Records that a job's approval, or a person's request, lets a known deployment begin. Returns whether it may
   * wait for that.
   */
  async #proveApproval(existing: ExistingDeployment, { source, approvedFor }: Arrival): Promise<boolean> {
    const added = {
      approved_for: approvedFor ?? existing.approved_for ?? null,
      passes_gate: source === "manual" ? (1 as const) : (existing.passes_gate ?? null),
    };
    const isKnown =
      added.approved_for === (existing.approved_for ?? null) &&
      added.passes_gate === (existing.passes_gate ?? null);
    if (isKnown) return false;
    Object.assign(existing, added);
    await this.#trx.updateTable("deployments").set(added).where("id", "=", existing.id).execute();
    if (existing.status !== "queued") return false;
    await this.#store.notify(this.#trx);
    return true;
  }

  async write(): Promise<void> {
    const deployments = this.#deployments;
    await inSlices(deployments, (slice) => this.#trx.insertInto("deployments").values(slice).execute());
    if (this.#deliveries.size > 0)
      await this.#trx
        .insertInto("deliveries")
        .values([...this.#deliveries.values()])
        .onConflict((c) =>
          c
            .expression(sql`${RUN_KEY}, guid`)
            .doUpdateSet(({ ref }) => ({
              outcome: ref("excluded.outcome"),
              reason: ref("excluded.reason"),
              deployment_ids: ref("excluded.deployment_ids"),
              received_at: ref("excluded.received_at"),
              received_by: ref("excluded.received_by"),
            }))
            // Another instance may have accepted the same event a moment ago; its deployments stay.
            .where((e) =>
              e.or([e("deliveries.deployment_ids", "=", "[]"), e("deliveries.outcome", "=", "waiting")]),
            ),
        )
        .execute();
    await recordWaiting(this.#trx, this.#known, [...this.#waiting.values()]);
    await endWaitingOf(this.#trx, this.#known, deployments);
    // A deployment that is superseded from the start is posted to GitHub only if an Action waits for it.
    const shown = deployments.filter((row) => row.status === "queued" || row.github_deployment_id);
    await announce(
      this.#trx,
      this.#store,
      [...shown, ...this.#shownLate].map(({ id, status }) => ({ id, status })),
    );
  }
}

/** Notes the outcome at one target. The outcome of another target may count more. */
function settle(result: Accepted, outcome: DeliveryOutcome, reason: string | null): void {
  if (OUTCOMES.indexOf(outcome) > OUTCOMES.indexOf(result.outcome)) return;
  result.outcome = outcome;
  result.reason = reason;
}

/** The result of an arrival for one target, from the record that another process made of it. */
function resultOf({ outcome, reason, deployment_ids }: DeliveryRow): Partial<Accepted> {
  const ids = JSON.parse(deployment_ids) as string[];
  const deployments = ids.map((id) => ({ id, duplicate: outcome === "duplicate" }));
  return { outcome, reason, deployments, queued: outcome === "deployed" };
}
