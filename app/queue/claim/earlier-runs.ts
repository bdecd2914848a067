import { RUN_KEY } from "../../store/delivery-key.ts";
import type { DeploymentRecord, TargetRow } from "../../store/schema.ts";
import type { Reader } from "../../store/store.ts";
import { compareOrder } from "../order.ts";
import { type Gap, gapBefore } from "./barrier.ts";

/** A gap before a deployment, with the number of the deployment's own run. */
export interface FoundGap extends Gap {
  number: number;
}

/**
 * The earlier runs of this workflow that have no record here; null where the deployment has to wait for none.
 * A deployment at the high-water mark waits for nothing, nor does a retried one.
 */
export async function findGap(
  read: Reader,
  workflow: string,
  target: TargetRow,
  waiting: DeploymentRecord,
): Promise<FoundGap | null> {
  const mark = { runId: target.mark_run_id, runAttempt: target.mark_run_attempt };
  const order = { runId: waiting.order_run_id, runAttempt: waiting.order_run_attempt };
  if (waiting.attempt > 1 || compareOrder(order, mark) <= 0) return null;
  const numbered = await numberOf(read, waiting);
  if (numbered?.workflow !== workflow) return null;
  const { number } = numbered;
  const base = target.mark_workflow === workflow ? (target.mark_run_number ?? null) : null;
  if (number <= (base ?? 0) + 1) return null;
  const settled = await read
    .selectFrom("deliveries")
    .select("run_number as number")
    .distinct()
    .where("repository", "=", target.repository)
    .where("run_workflow", "=", workflow)
    .where("settles", "is not", null)
    .where("run_number", ">", base ?? 0)
    .where("run_number", "<", number)
    .execute();
  const deployed = await read
    .selectFrom("deployments")
    .select("run_number as number")
    .where("repository_key", "=", target.repository)
    .where("target", "=", target.target)
    // The index has no run number. In the worst case GitHub is asked about a run below the mark.
    .where("run_id", ">", target.mark_run_id)
    // GitHub gives ids and numbers in one order. This keeps the later runs, which may be thousands, unread.
    .where("run_id", "<", waiting.order_run_id)
    .where("run_workflow", "=", workflow)
    .where("run_number", "<", number)
    .execute();
  const accounted = new Set([...settled, ...deployed].map((row) => row.number as number));
  const gap = gapBefore(number, base, accounted);
  return gap && { ...gap, number };
}

/** The number of a deployment's run, from the deployment or from an event of the run. */
export async function numberOf(
  read: Reader,
  { repository_key, run_id, run_number, run_workflow }: DeploymentRecord,
): Promise<{ number: number; workflow: string } | null> {
  if (run_number !== null && run_workflow !== null) return { number: run_number, workflow: run_workflow };
  if (run_id === null) return null;
  const event = await read
    .selectFrom("deliveries")
    .select(["run_number as number", "run_workflow as workflow"])
    .where(RUN_KEY, "=", run_id)
    .where("repository", "=", repository_key)
    .where("run_number", "is not", null)
    .limit(1)
    .executeTakeFirst();
  return (event as { number: number; workflow: string } | undefined) ?? null;
}
