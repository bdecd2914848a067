import type { Accepted } from "../accept/accepted.ts";
import type { CommitInput } from "../accept/commit-task.ts";
import type { TargetConfig } from "../config/schema.ts";
import type { StoreAddress } from "../config/store-address.ts";
import type { Placement } from "../queue/placement/placement.ts";

/** The first message to a runner process, so that it is warm when a job comes. */
export interface Preparation {
  type: "prepare";
  store: StoreAddress;
  stateDirectory: string;
  instance: string;
}

/** The target whose next deployment a runner is to run. */
export interface Job {
  type: "job";
  target: TargetConfig;
  /** Where its command may run, as this host sees it; absent or null: on any host. */
  placement?: Placement | null;
  /** The part of the instance's environment that the command may see. */
  inherited: Record<string, string>;
  /** The texts that are masked in the command's output. */
  secrets: readonly string[];
  /** Whether a success is an alert: only where a channel wants it. */
  tellSuccess?: boolean;
  /** An arrival for this target, which the runner commits together with its claim. */
  accept?: CommitInput | undefined;
}

export type ToRunner = Preparation | Job;

/**
 * The result of a job.
 * - ran: a deployment ran.
 * - nothing: no deployment waits.
 * - held: the next deployment waits for an earlier run, or for its ref.
 * - elsewhere: it is another host's turn.
 * - occupied: another deployment runs.
 * - locked: another runner has the lock.
 */
export type JobResult = "ran" | "nothing" | "held" | "elsewhere" | "occupied" | "locked";

/** The progress of a deployment. */
export type RunProgress = { deploymentId: string; repository: string; target: string; attempt: number } & (
  | {
      type: "started";
      /** The time since the deployment was accepted; null on the second and later hosts. */
      waitedMs: number | null;
    }
  | { type: "ended"; status: string }
);

export type FromRunner =
  | RunProgress
  /** The result of the job's arrival, which is on disk; undefined where the commit failed. */
  | { type: "accepted"; accepted?: Accepted | undefined }
  /** The next job would start at once. */
  | { type: "ready" }
  /** The runner is free for another job. */
  | { type: "idle"; result: JobResult }
  | { type: "error"; message: string };
