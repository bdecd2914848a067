import type { DeploymentRecord, TargetRow } from "../../store/schema.ts";
import type { Reader, StoreContext, Writer } from "../../store/store.ts";
import { announce } from "../announce.ts";
import { passesHold } from "../hold.ts";
import { DEPLOYMENT_LEASE_MS } from "../lease.ts";
import { UNVERIFIED } from "../verification.ts";
import { begunOn, describeRuns, hostRuns, pendingHosts, planRuns, turnOf } from "./host-runs.ts";
import { downInstances, type Placement } from "./placement.ts";

/** A runner that asks for a deployment, and where its target's command may run. */
export interface HostRunner {
  holder: string;
  instance: string;
  /** The host's id, which its leases name. */
  host: string;
  lock: string | null;
  /** Absent or null where any host may run the command. */
  placement?: Placement | null | undefined;
}

/** Whether it is this runner's turn to begin a waiting deployment. */
export async function isTurnOf(
  read: Reader,
  { placement }: HostRunner,
  row: DeploymentRecord,
): Promise<boolean> {
  return !placement || turnOf(row, placement, await downInstances(read)) === placement.self;
}

/** The columns of a lease that begins now. */
export function leaseOf({ holder, host, lock }: HostRunner, { token }: DeploymentRecord, now: number) {
  return { holder, host, lock, token: token + 1, lease_until: now + DEPLOYMENT_LEASE_MS };
}

/** The columns that say where a deployment begins. No single instance runs one that runs on all hosts. */
export function placeOf({ instance, placement }: HostRunner, row: DeploymentRecord, now: number) {
  const runs =
    row.status === "succeeded" ? hostRuns(row) : placement ? planRuns(row, placement) : ([] as const);
  const hosts = begunOn(runs, placement?.self ?? "", now);
  return { hosts, run_by: hosts === null ? instance : null, waits_for: null };
}

/**
 * The deployment that this host has to catch up on, since it was down when the others ran it. It is the last
 * that began on the target.
 */
export async function overdueOn(
  read: Reader,
  { placement }: HostRunner,
  { mark_deployment_id }: TargetRow,
  isHeld: boolean,
): Promise<DeploymentRecord | null> {
  if (!placement || placement.rule === "first" || mark_deployment_id === null) return null;
  const row = await read
    .selectFrom("deployments")
    .selectAll()
    .where("id", "=", mark_deployment_id)
    .where("status", "=", "succeeded")
    .where("holder", "is", null)
    .executeTakeFirst();
  if (!row || !pendingHosts(row).includes(placement.self)) return null;
  return isHeld && !passesHold(row) ? null : row;
}

/**
 * Runs a deployment on a further host: the next of them, or one that catches up. Its status stays. Returns
 * null where another runner was faster.
 */
export async function takeHost(
  trx: Writer,
  store: StoreContext,
  runner: HostRunner,
  row: DeploymentRecord,
): Promise<DeploymentRecord | null> {
  const now = await store.now(trx);
  const taken = {
    ...leaseOf(runner, row, now),
    ...placeOf(runner, row, now),
    ...(row.status === "running" && UNVERIFIED),
    // A cancellation that came too late is not meant for a host that catches up.
    ...(row.status === "succeeded" && { cancel_requested_at: null }),
    ...(row.waits_for !== null && { reason: row.order_note ?? row.ref_note }),
  };
  const changed = await trx
    .updateTable("deployments")
    .set(taken)
    .where("id", "=", row.id)
    .where("status", "=", row.status)
    .where("holder", "is", null)
    .where("token", "=", row.token)
    .returning("id")
    .executeTakeFirst();
  if (!changed) return null;
  if (row.status === "running")
    await announce(trx, store, [{ id: row.id, status: "running", detail: describeRuns(taken) }]);
  else await store.notify(trx);
  return { ...row, ...taken };
}
