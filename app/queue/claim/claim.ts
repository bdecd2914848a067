import type { DeploymentRecord, TargetRow } from "../../store/schema.ts";
import type { Store, StoreContext, Writer } from "../../store/store.ts";
import { announce } from "../announce.ts";
import { askForRef, findRef } from "../find-ref.ts";
import type { ApprovalRules } from "../gate/approval.ts";
import { hasGate, hasWaitedAtGate, passGate } from "../gate/pass-gate.ts";
import { holdOf, passesHold } from "../hold.ts";
import { isRollback, type Order } from "../order.ts";
import { describeRuns, isBetweenHosts } from "../placement/host-runs.ts";
import { type HostRunner, isTurnOf, leaseOf, overdueOn, placeOf, takeHost } from "../placement/take-host.ts";
import { raiseAlert } from "../raise-alert.ts";
import { supersede, supersedeWaiting } from "../superseded-deliveries.ts";
import { describeGap, describeWait } from "./barrier.ts";
import { findGap, numberOf } from "./earlier-runs.ts";

/** A runner's request: the target with its rules, and the runner's identity and place. */
export interface ClaimRequest extends HostRunner {
  repositoryKey: string;
  target: string;
  queue: "latest" | "all";
  /** The workflow whose every run is deployed under `all`. */
  workflow: string;
  /** The named lock that the target shares with others; null for none. */
  lock: string | null;
  /** Whether its deployments need an approval; absent where they do not. */
  rules?: ApprovalRules;
}

export type Claim =
  /** The caller runs this deployment. */
  | { kind: "claimed"; deployment: DeploymentRecord }
  /**
   * Its target is held, it needs an approval, earlier runs are missing, or its ref may be a tag. The store changes
   * when that ends.
   */
  | { kind: "held"; deploymentId: string }
  /** It is another host's turn. */
  | { kind: "elsewhere"; deploymentId: string }
  /** Another deployment is `running`. It must end, or be found interrupted, first. */
  | { kind: "occupied"; by: DeploymentRecord }
  | { kind: "nothing" };

/** {@link claimInTransaction} in a transaction of its own. */
export function claim(store: Store, request: ClaimRequest): Promise<Claim> {
  return store.perform<Claim>("claim-task", request);
}

/**
 * Claims for a target that does not exist, so that the first real claim finds its code loaded and compiled.
 */
export async function rehearseClaim(store: Store): Promise<void> {
  const nothing = { repositoryKey: "", target: "", workflow: "", holder: "", instance: "", host: "" };
  await claim(store, { ...nothing, queue: "all", lock: null });
}

/**
 * How long GitHub's answer "no earlier run is to come" stays valid. A run that still works then may end soon
 * after. If the target was busy in the meantime, GitHub is asked again.
 */
export const CLEARED_FOR_MS = 10_000;

/**
 * Claims the next deployment of a target. Under `all` that is the lowest in order. Under `latest` it is the
 * newest, and the older ones are superseded. Everything below the high-water mark is superseded too, and the
 * claimed one raises the mark.
 * Under `all` the claim waits while an earlier run is missing. It also waits while the ref may be a tag. The
 * controller asks GitHub about both.
 * Where the environment is protected, only what an approved job or a person asked for begins.
 * On a held target only a rollback, and what the hold found begun, may begin. Nothing else is superseded.
 * Where the command runs on certain hosts, only the host whose turn it is claims. See placement/.
 */
export async function claimInTransaction(
  trx: Writer,
  store: StoreContext,
  request: ClaimRequest,
): Promise<Claim> {
  await serializeClaims(trx, store, request);
  const by = await occupant(trx, request);
  if (by && isBetweenHosts(by) && isOf(by, request)) return goOn(trx, store, request, by);
  if (by) return { kind: "occupied", by };

  const mark = await trx
    .selectFrom("targets")
    .selectAll()
    .where("repository", "=", request.repositoryKey)
    .where("target", "=", request.target)
    .executeTakeFirst();
  if (!mark) return { kind: "nothing" };
  const now = await store.now(trx);
  const isHeld = holdOf(mark, now) !== null;
  const rules = request.rules && hasGate(request.rules, mark) ? request.rules : null;
  // Thousands may wait. Without a hold or gate the lowest is the next one under `all`.
  const isLowestNext = request.queue === "all" && !isHeld && rules === null;
  const below = await queuedOf(trx, mark, "<").execute();
  const above = await queuedOf(trx, mark, ">=")
    .$if(isLowestNext, (q) => q.limit(1))
    .execute();
  const late = isHeld ? [] : below;
  const open = above.filter((row) => !isHeld || passesHold(row));
  const { free: current, stopped: gated } = rules
    ? await passGate(trx, store, rules, { target: mark, waiting: open })
    : { free: open, stopped: [] };
  const next = request.queue === "latest" ? current.at(-1) : current[0];
  if (!next) {
    await supersede(trx, store, late, mark.mark_deployment_id);
    const overdue = await overdueOn(trx, request, mark, isHeld);
    if (overdue) return goOn(trx, store, request, overdue);
    const [stopped] = isHeld ? [...below, ...above] : gated;
    return stopped ? { kind: "held", deploymentId: stopped.id } : { kind: "nothing" };
  }
  if (!(await isTurnOf(trx, request, next))) return { kind: "elsewhere", deploymentId: next.id };
  const gap = request.queue === "all" ? await findGap(trx, request.workflow, mark, next) : null;
  if (gap && !isCleared(next, now)) {
    await supersede(trx, store, late, mark.mark_deployment_id);
    await hold(trx, store, next, describeGap(gap, gap.number), request.workflow);
    return { kind: "held", deploymentId: next.id };
  }
  const ref = await findRef(trx, next, now);
  if (!ref) {
    await supersede(trx, store, late, mark.mark_deployment_id);
    await askForRef(trx, store, next);
    return { kind: "held", deploymentId: next.id };
  }
  const rollback = isRollback(next);
  // Missing runs may have arrived since the note was written.
  const order_note = gap || rollback ? next.order_note : null;
  const claimed = {
    ...leaseOf(request, next, now),
    ...placeOf(request, next, now),
    status: "running" as const,
    started_at: now,
    order_gap: null,
    order_note,
    ref_unproven: null,
    ref_note: ref.note,
    ...(hasWaited(next) && { reason: order_note ?? ref.note }),
  };
  const taken = await trx
    .updateTable("deployments")
    .set(claimed)
    .where("id", "=", next.id)
    .where("status", "=", "queued")
    .returning("id")
    .executeTakeFirst();
  // It was cancelled a moment ago.
  if (!taken) return claimInTransaction(trx, store, request);
  await supersede(trx, store, late, mark.mark_deployment_id);
  if (request.queue === "latest") await supersede(trx, store, current.slice(0, -1), next.id);
  await trx
    .updateTable("targets")
    .set({
      mark_run_id: next.order_run_id,
      mark_run_attempt: next.order_run_attempt,
      mark_run_started_at: Math.max(next.run_started_at, mark.mark_run_started_at),
      mark_deployment_id: next.id,
      ...(await newBase(trx, request, next)),
    })
    .where("repository", "=", request.repositoryKey)
    .where("target", "=", request.target)
    .execute();
  if (mark.has_waited)
    await supersedeWaiting(trx, mark, orderOf(next), "a newer run has been deployed already");
  const detail = (rollback ? order_note : null) ?? describeRuns(claimed);
  await announce(trx, store, [{ id: next.id, status: "running", detail }]);
  if (rollback) await raiseRollbackAlert(trx, store, next);
  return { kind: "claimed", deployment: { ...next, ...claimed } };
}

/** The target's queued deployments on one side of its high-water mark, in order. */
function queuedOf(trx: Writer, mark: TargetRow, side: "<" | ">=") {
  return trx
    .selectFrom("deployments")
    .selectAll()
    .where("repository_key", "=", mark.repository)
    .where("target", "=", mark.target)
    .where("status", "=", "queued")
    .where((e) =>
      e(
        e.refTuple("order_run_id", "order_run_attempt"),
        side,
        e.tuple(mark.mark_run_id, mark.mark_run_attempt),
      ),
    )
    .orderBy("order_run_id")
    .orderBy("order_run_attempt")
    .orderBy("seq");
}

/** Goes on with a deployment on this host, after others have run it. */
async function goOn(
  trx: Writer,
  store: StoreContext,
  request: ClaimRequest,
  row: DeploymentRecord,
): Promise<Claim> {
  const isTurn = row.status === "succeeded" || (await isTurnOf(trx, request, row));
  const deployment = isTurn && (await takeHost(trx, store, request, row));
  return deployment ? { kind: "claimed", deployment } : { kind: "elsewhere", deploymentId: row.id };
}

/** Whether its reason says for what it waited. */
function hasWaited(row: DeploymentRecord): boolean {
  const { order_gap, ref_unproven, waits_for } = row;
  return order_gap !== null || ref_unproven !== null || waits_for !== null || hasWaitedAtGate(row);
}

function isOf(row: DeploymentRecord, { repositoryKey, target }: ClaimRequest): boolean {
  return row.repository_key === repositoryKey && row.target === target;
}

/**
 * Raises the rollback alert, whoever asked for the rollback. A repetition after an interruption raises none.
 */
async function raiseRollbackAlert(trx: Writer, store: StoreContext, next: DeploymentRecord): Promise<void> {
  if (next.interruptions > 0) return;
  await raiseAlert(trx, store, {
    kind: "rollback",
    state: "event",
    subject: `${next.target} of ${next.repository_key}`,
    facts: { deploymentId: next.id, runId: next.run_id, insteadOf: next.order_run_id },
  });
}

/** Whether GitHub's answer is recent enough, by the store's clock. */
function isCleared({ order_cleared_at }: DeploymentRecord, now: number): boolean {
  return order_cleared_at !== null && Math.abs(now - order_cleared_at) <= CLEARED_FOR_MS;
}

/** Makes the controller ask GitHub for the missing runs, unless it does already. */
async function hold(
  trx: Writer,
  store: StoreContext,
  { id, order_gap, order_cleared_at }: DeploymentRecord,
  gap: string,
  workflow: string,
): Promise<void> {
  if (order_gap === gap && order_cleared_at === null) return;
  const reason = describeWait(gap, workflow, "it is being looked up");
  await trx
    .updateTable("deployments")
    .set({ order_gap: gap, order_cleared_at: null, order_note: null, reason })
    .where("id", "=", id)
    .where("status", "=", "queued")
    .execute();
  await store.notify(trx);
}

/** The run number that later gaps are counted from. A rollback deploys an old run and leaves it as it is. */
async function newBase(trx: Writer, { workflow }: ClaimRequest, next: DeploymentRecord) {
  if (next.run_id !== next.order_run_id) return {};
  const numbered = await numberOf(trx, next);
  return numbered?.workflow === workflow ? { mark_run_number: numbered.number, mark_workflow: workflow } : {};
}

function orderOf(row: DeploymentRecord): Order {
  return { runId: row.order_run_id, runAttempt: row.order_run_attempt };
}

/** Blocks every other claim on this target, or on its named lock, until this transaction ends. */
export async function serializeClaims(
  trx: Writer,
  store: StoreContext,
  request: ClaimRequest,
): Promise<void> {
  if (!store.can.rowLocks) return;
  if (request.lock !== null) await store.lockNamed(trx, request.lock);
  await trx
    .selectFrom("targets")
    .select("target")
    .where("repository", "=", request.repositoryKey)
    .where("target", "=", request.target)
    .forUpdate()
    .execute();
}

/** The deployment that occupies the target, or its named lock: `running`, or caught up on by a host. */
async function occupant(trx: Writer, request: ClaimRequest): Promise<DeploymentRecord | undefined> {
  const { repositoryKey, target, lock, placement } = request;
  const inTheWay = trx
    .selectFrom("deployments")
    .selectAll()
    .where((e) =>
      e.or([
        e.and([e("repository_key", "=", repositoryKey), e("target", "=", target)]),
        ...(lock === null ? [] : [e("lock", "=", lock)]),
      ]),
    );
  const running = await inTheWay.where("status", "=", "running").executeTakeFirst();
  if (running || (!placement && lock === null)) return running;
  return inTheWay.where("status", "=", "succeeded").where("holder", "is not", null).executeTakeFirst();
}
