import type { TargetConfig } from "../config/schema.ts";
import type { StoreAddress } from "../store/store.ts";

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

export type FromRunner =
  /** Nothing was run, and the runner is free for another job. */
  | { type: "idle"; because: "nothing" | "occupied" | "locked" }
  | { type: "started"; deploymentId: string; attempt: number }
  /** The runner ends after this. */
  | { type: "finished"; deploymentId: string; status: string }
  | { type: "error"; message: string };
