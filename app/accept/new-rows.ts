import type { Insertable } from "kysely";
import { matchesRef, refsOfName } from "../config/refs.ts";
import { isRollback, type Mark, placeInOrder } from "../queue/order.ts";
import { UNVERIFIED } from "../queue/verification.ts";
import type { DeliveryRow, DeploymentRow } from "../store/schema.ts";
import type { Accepted } from "./accepted.ts";
import { type Arrival, newId, type RunFacts } from "./arrival.ts";
import { isEvent } from "./run-source.ts";

/** The accepting instance, and the time (ms). */
export interface AcceptedBy {
  instance: string;
  now: number;
}

/** The record of an arrival and of its result. */
export function deliveryRow(arrival: Arrival, result: Accepted, by: AcceptedBy): DeliveryRow {
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
    run_number: arrival.facts?.numbered?.number ?? null,
    run_workflow: arrival.facts?.numbered?.workflow ?? null,
    settles: arrival.settles ? 1 : null,
  };
}

/**
 * A new deployment: queued at its place in the order, or superseded where a newer run has begun before it.
 */
export function deploymentRow(
  arrival: Arrival & { facts: RunFacts },
  target: Arrival["targets"][number],
  { mark, succeededBefore }: { mark: Mark; succeededBefore: boolean },
  by: AcceptedBy,
) {
  const { facts } = arrival;
  const run =
    facts.runId === null || arrival.source === "manual"
      ? null
      : { runId: facts.runId, runAttempt: facts.runAttempt ?? 1 };
  const runStartedAt = facts.runStartedAt ?? by.now;
  const { order, superseded } = placeInOrder({ run, runStartedAt, succeededBefore }, mark);
  const place = {
    source: arrival.source,
    run_id: facts.runId,
    order_run_id: order.runId,
    passes_hold: arrival.rollback ? (1 as const) : null,
  };
  const rerun = isRollback(place) ? `rolled back by a re-run of run ${facts.runId}` : null;
  const note = arrival.rollback ?? rerun;
  return {
    id: newId("dep"),
    repository: facts.repository,
    repository_key: arrival.repository,
    target: target.name,
    environment: target.environment,
    sha: facts.sha,
    ref: refFor(arrival, target),
    workflow: facts.workflow,
    actor: facts.actor,
    commit_title: facts.commitTitle,
    ...place,
    run_attempt: facts.runAttempt,
    run_started_at: runStartedAt,
    order_run_attempt: order.runAttempt,
    status: superseded ? ("superseded" as const) : ("queued" as const),
    superseded_by: superseded ? mark.deploymentId : null,
    via_run_attempt: arrival.viaRunAttempt,
    payload: arrival.payload,
    accepted_by: by.instance,
    run_by: null,
    attempt: 1,
    interruptions: 0,
    exit_code: null,
    reason: superseded ? "a newer run has been deployed already" : note,
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
    run_number: facts.numbered?.number ?? null,
    run_workflow: facts.numbered?.workflow ?? null,
    order_gap: null,
    order_cleared_at: null,
    order_note: note,
    ref_unproven: facts.refUnproven ? (1 as const) : null,
    ref_note: null,
    approved_for: arrival.approvedFor ?? null,
    passes_gate: null,
    hosts: null,
    waits_for: null,
    ...UNVERIFIED,
  } satisfies Insertable<DeploymentRow>;
}

/** The ref to record. Where an event leaves open whose name it is, each target takes a ref that it allows. */
function refFor(
  { source, facts: { ref, refUnproven } }: Arrival & { facts: RunFacts },
  { refs }: Arrival["targets"][number],
): string {
  if (!refUnproven || !isEvent(source)) return ref;
  return [ref, ...refsOfName(ref)].find((one) => matchesRef(refs, one)) ?? ref;
}
