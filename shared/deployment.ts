/** Every status of a deployment, in the order in which a deployment may pass through them. */
export const DEPLOYMENT_STATUSES = [
  "queued",
  "running",
  "succeeded",
  "failed",
  "cancelled",
  "superseded",
] as const;
export type DeploymentStatus = (typeof DEPLOYMENT_STATUSES)[number];

/** The first route by which a deployment's request arrived. */
export const DEPLOYMENT_SOURCES = [
  "webhook",
  "action",
  "catch_up",
  "reconcile",
  "github_deployment",
  "manual",
] as const;
export type DeploymentSource = (typeof DEPLOYMENT_SOURCES)[number];

/** The states that a caller may wait for: recorded, command started, or command succeeded. */
export const WAIT_FOR = ["accepted", "started", "succeeded"] as const;
export type WaitFor = (typeof WAIT_FOR)[number];

/** Whether the site shows a deployment: it is asked once the command has succeeded. */
export interface Verification {
  url: string;
  status: "running" | "succeeded" | "failed" | "cancelled";
  started_at: string;
  finished_at: string | null;
  /** The last answer that was not the wanted one, in words; null where there was none. */
  answer: string | null;
}

/**
 * A deployment as every instance shows it: one target's command for one workflow run attempt. Times are ISO
 * 8601 in UTC. `run_id` and `run_attempt` are null only if an admin asked by sha alone.
 */
export interface Deployment {
  id: string;
  repository: string;
  target: string;
  environment: string;
  sha: string;
  ref: string;
  run_id: number | null;
  run_attempt: number | null;
  status: DeploymentStatus;
  superseded_by: string | null;
  /** Whether this request was not the first for its key. */
  duplicate: boolean;
  source: DeploymentSource;
  accepted_by: string;
  /** The instance that runs it; null before it begins, and where it runs on all hosts. */
  run_by: string | null;
  /** Its run on each host, in order; null before it begins, and where it runs on one host alone. */
  hosts: DeploymentHost[] | null;
  attempt: number;
  exit_code: number | null;
  /** Why it ended in this status, or the thing that it waits for, in words; else null. */
  reason: string | null;
  accepted_at: string;
  started_at: string | null;
  finished_at: string | null;
  verified_at: string | null;
  /** Null where the target has no `verify`, or its command has not succeeded. */
  verify: Verification | null;
  /** The last lines of the command's output; only for targets with `share_log`. */
  log_tail: string | null;
  url: string;
}

/** The statuses of a deployment's run on one of several hosts. */
export const HOST_RUN_STATUSES = ["pending", "running", "succeeded", "failed", "cancelled"] as const;
export type HostRunStatus = (typeof HOST_RUN_STATUSES)[number];

/** The run of a deployment's command on one host, for targets that deploy to all hosts. */
export interface DeploymentHost {
  host: string;
  status: HostRunStatus;
  exit_code: number | null;
  started_at: string | null;
  finished_at: string | null;
}

/** Whether a deployment in this status has ended (a retry may still requeue it). */
export function isFinal(status: DeploymentStatus): boolean {
  return status !== "queued" && status !== "running";
}

/**
 * Whether a deployment in `status` has reached the state that the caller waits for. A failed deployment has
 * started; a cancelled or superseded one satisfies only `accepted`.
 */
export function satisfies(status: DeploymentStatus, waitFor: WaitFor): boolean {
  if (waitFor === "accepted") return true;
  if (waitFor === "started") return status === "running" || status === "succeeded" || status === "failed";
  return status === "succeeded";
}
