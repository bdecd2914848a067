import type { DeploymentRow, TargetRow } from "../store/schema.ts";

/** A place in a target's order: GitHub hands out run ids, and attempts of a run, in order. */
export interface Order {
  runId: number;
  runAttempt: number;
}

/** The newest run of a target that ever reached `running`, and when that run began at GitHub (ms). */
export interface Mark extends Order {
  runStartedAt: number;
  deploymentId: string | null;
}

/** The mark that the row of a target holds. */
export function markOf(row: TargetRow): Mark {
  return {
    runId: row.mark_run_id,
    runAttempt: row.mark_run_attempt,
    runStartedAt: row.mark_run_started_at,
    deploymentId: row.mark_deployment_id,
  };
}

/** Negative when `a` comes before `b`, positive when after, 0 when they are the same run attempt. */
export function compareOrder(a: Order, b: Order): number {
  return a.runId - b.runId || a.runAttempt - b.runAttempt;
}

/** Whether a re-run of an older run takes the place of the newest: it stands at that one's mark. */
export function isRollback({
  source,
  run_id,
  order_run_id,
}: Pick<DeploymentRow, "source" | "run_id" | "order_run_id">): boolean {
  return source !== "manual" && run_id !== null && run_id < order_run_id;
}

/** What is asked of a target: a run attempt, or (null) a commit that an admin chose. */
export interface Asked {
  run: Order | null;
  /** When the run attempt began (ms). */
  runStartedAt: number;
  /** Whether an earlier attempt of this run already succeeded on the target. */
  succeededBefore: boolean;
}

/**
 * Where a request stands, or that it is superseded. An old run never overwrites a newer deployment (P3), but
 * going back on purpose does: an admin's request, and the re-run of a run that already succeeded here, begun
 * after the run of the mark. Both stand at the mark, and so do not lower it.
 */
export function placeInOrder(asked: Asked, mark: Mark): { order: Order; superseded: boolean } {
  const atMark = { runId: mark.runId, runAttempt: mark.runAttempt };
  if (asked.run === null) return { order: atMark, superseded: false };
  if (compareOrder(asked.run, mark) >= 0) return { order: asked.run, superseded: false };
  const rollback =
    asked.succeededBefore && asked.run.runAttempt > 1 && asked.runStartedAt > mark.runStartedAt;
  return rollback ? { order: atMark, superseded: false } : { order: asked.run, superseded: true };
}
