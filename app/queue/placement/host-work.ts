import type { DeploymentRecord } from "../../store/schema.ts";
import type { Reader } from "../../store/store.ts";
import { passesHold } from "../hold.ts";
import type { TargetKey } from "../last-success.ts";
import { candidatesOf, isBetweenHosts, pendingHosts, turnOf } from "./host-runs.ts";
import { downInstances, isDown, type Placement } from "./placement.ts";

/** A target whose command runs on certain hosts. */
export interface PlacedTarget extends TargetKey {
  placement: Placement;
}

/** What is read of a deployment. Its payload may be large, and many may wait. */
const COLUMNS = [
  ...(["id", "repository_key", "target", "status", "holder", "token", "hosts", "waits_for"] as const),
  ...(["passes_hold", "interruptions", "order_note", "ref_note"] as const),
] as const;
export type PlacedRow = Pick<DeploymentRecord, (typeof COLUMNS)[number]>;

/** A deployment that may begin on a host, with the placement of its target. */
interface Ready {
  row: PlacedRow;
  placement: Placement;
}

/** A deployment that waits for hosts that are down. */
export interface MissingHosts {
  row: PlacedRow;
  /** The hosts of which one has to come back; empty where every host that is alive has run it. */
  hosts: string[];
}

/** The targets of which something may begin on this host now, as far as a look without locks tells. */
export async function hostWork(read: Reader, targets: readonly PlacedTarget[]): Promise<TargetKey[]> {
  const [ready, overdue, down] = await Promise.all([
    readyOf(read, targets),
    overdueOf(read, targets),
    downInstances(read),
  ]);
  const here = ready.filter(({ row, placement }) => turnOf(row, placement, down) === placement.self);
  return [...here.map(({ row }) => row), ...overdue].map(({ repository_key: repositoryKey, target }) => ({
    repositoryKey,
    target,
  }));
}

/** The deployments that wait for hosts which are down. */
export async function missingHosts(
  read: Reader,
  targets: readonly PlacedTarget[],
): Promise<{ waiting: PlacedRow[]; missing: MissingHosts[] }> {
  const [ready, down] = await Promise.all([readyOf(read, targets), downInstances(read)]);
  const missing = ready.flatMap(({ row, placement }) => {
    const candidates = candidatesOf(row, placement);
    const turn = turnOf(row, placement, down);
    if (turn !== null) return isDown(placement, turn, down) ? [{ row, hosts: [turn] }] : [];
    // Under `present` a deployment that has begun does not wait for hosts that are down.
    const isOver = isBetweenHosts(row) && placement.rule !== "first";
    return [{ row, hosts: isOver ? [] : candidates }];
  });
  return { waiting: ready.map(({ row }) => row), missing };
}

/** The deployments that only wait for a host: queued on a target that is not held, or between two hosts. */
async function readyOf(read: Reader, targets: readonly PlacedTarget[]): Promise<Ready[]> {
  const deployments = () =>
    read
      .selectFrom("deployments as d")
      .innerJoin("targets as t", (j) =>
        j.onRef("t.repository", "=", "d.repository_key").onRef("t.target", "=", "d.target"),
      )
      .select(COLUMNS.map((column) => `d.${column}` as const))
      .select("t.held_since");
  // Two queries, since each status has a small index of its own.
  const [between, queued] = await Promise.all([
    deployments().where("d.status", "=", "running").where("d.holder", "is", null).execute(),
    deployments().where("d.status", "=", "queued").orderBy("d.seq").execute(),
  ]);
  return [...between, ...queued].flatMap(({ held_since, ...row }) => {
    const found = targets.find((one) => isOf(row, one));
    const isHeld = held_since != null && row.status === "queued" && !passesHold(row);
    return found && !isHeld ? [{ row, placement: found.placement }] : [];
  });
}

/** The last deployment of each target, where this host was down when the others ran it. */
async function overdueOf(read: Reader, targets: readonly PlacedTarget[]): Promise<PlacedRow[]> {
  const rows = await read
    .selectFrom("targets as t")
    .innerJoin("deployments as d", "d.id", "t.mark_deployment_id")
    .select(COLUMNS.map((column) => `d.${column}` as const))
    .select("t.held_since")
    .where("d.status", "=", "succeeded")
    .where("d.hosts", "is not", null)
    .where("d.holder", "is", null)
    .execute();
  return rows.filter((row) => {
    const placement = targets.find((one) => isOf(row, one))?.placement;
    if (!placement || placement.rule === "first") return false;
    return pendingHosts(row).includes(placement.self) && (row.held_since == null || passesHold(row));
  });
}

function isOf(
  row: Pick<PlacedRow, "repository_key" | "target">,
  { repositoryKey, target }: TargetKey,
): boolean {
  return row.repository_key === repositoryKey && row.target === target;
}
