import type { TargetConfig } from "../config/schema.ts";
import type { StoreAddress } from "../config/store-address.ts";

/** What a runner process is told when it starts, so that it is warm when there is work. */
export interface Preparation {
  type: "prepare";
  store: StoreAddress;
  stateDirectory: string;
  instance: string;
}

/** The target that a runner is to run the next deployment of. */
export interface Job {
  type: "job";
  target: TargetConfig;
  /** The part of the instance's environment that the command may see. */
  inherited: Record<string, string>;
}

export type ToRunner = Preparation | Job;

/**
 * What came of a job: a deployment ran, nothing waited, the target waits for what may be on its way, another one
 * runs, or another runner has the lock.
 */
export type JobResult = "ran" | "nothing" | "held" | "occupied" | "locked";

/** How far a runner is with a deployment. */
export type RunProgress = { deploymentId: string; repository: string; target: string; attempt: number } & (
  | {
      type: "started";
      /** Since the deployment was accepted. */
      waitedMs: number;
    }
  | { type: "ended"; status: string }
);

export type FromRunner =
  | RunProgress
  /** The runner is free for another job. */
  | { type: "idle"; result: JobResult }
  | { type: "error"; message: string };
