import type { DeploymentRow, TargetRow } from "../store/schema.ts";

/** A place in a target's order. GitHub numbers runs, and the attempts of a run, in ascending order. */
export interface Order {
  runId: number;
  runAttempt: number;
}

/** The high-water mark: the newest run of a target that ever began, and its start at GitHub (ms). */
export interface Mark extends Order {
  runStartedAt: number;
  deploymentId: string | null;
}

/** The high-water mark in a target's row. */
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

/**
 * Whether a deployment goes back: a person asked for that, or an older run takes the place of the newest. A
 * rollback is placed at the mark.
 */
export function isRollback({
  source,
  run_id,
  order_run_id,
  passes_hold,
}: Pick<DeploymentRow, "source" | "run_id" | "order_run_id" | "passes_hold">): boolean {
  return passes_hold !== null || (source !== "manual" && run_id !== null && run_id < order_run_id);
}

/** A request for a target: a run attempt, or (null) a commit that an admin chose. */
export interface Asked {
  run: Order | null;
  /** When the run attempt began (ms). */
  runStartedAt: number;
  /** Whether an earlier attempt of this run already succeeded on the target. */
  succeededBefore: boolean;
}

/**
 * Places a request in the target's order, or finds it superseded. An old run never overwrites a newer
 * deployment.
 * A deliberate step back does: an admin's request, or the re-run of a run that succeeded here before. The
 * re-run must have begun after the run of the mark. Both are placed at the mark, and so do not lower it.
 */
export function placeInOrder(asked: Asked, mark: Mark): { order: Order; superseded: boolean } {
  const atMark = { runId: mark.runId, runAttempt: mark.runAttempt };
  if (asked.run === null) return { order: atMark, superseded: false };
  if (compareOrder(asked.run, mark) >= 0) return { order: asked.run, superseded: false };
  const rollback =
    asked.succeededBefore && asked.run.runAttempt > 1 && asked.runStartedAt > mark.runStartedAt;
  return rollback ? { order: atMark, superseded: false } : { order: asked.run, superseded: true };
}
