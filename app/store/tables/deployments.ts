import type { Generated, Selectable } from "kysely";
import type { DeploymentSource, DeploymentStatus } from "../../../shared/deployment.ts";

/** One target's command for one workflow run attempt. */
export interface DeploymentRow {
  id: string;
  /** The order of acceptance. */
  seq: Generated<number>;
  /** In GitHub's spelling; `repository_key` is the same in lower case. */
  repository: string;
  repository_key: string;
  target: string;
  environment: string;
  sha: string;
  ref: string;
  workflow: string | null;
  actor: string | null;
  /** The first line of the commit's message, once an event brought it. */
  commit_title: string | null;
  run_id: number | null;
  run_attempt: number | null;
  run_started_at: number;
  /** Its place in the target's order: its own run, or the mark for a rollback. */
  order_run_id: number;
  order_run_attempt: number;
  status: DeploymentStatus;
  superseded_by: string | null;
  source: DeploymentSource;
  /** The attempt of the run in which an Action asked for it; null where none did. */
  via_run_attempt: number | null;
  payload: string | null;
  accepted_by: string;
  run_by: string | null;
  attempt: number;
  interruptions: number;
  exit_code: number | null;
  reason: string | null;
  accepted_at: number;
  /** When it went back to the queue, to be tried again; null for the first attempt. */
  queued_again_at: number | null;
  started_at: number | null;
  finished_at: number | null;
  verified_at: number | null;
  cancel_requested_at: number | null;
  /** The lease on a running deployment: the runner, its host, the fencing token, and the end. */
  holder: string | null;
  host: string | null;
  token: number;
  lease_until: number | null;
  /** The named lock that a running deployment holds. */
  lock: string | null;
  /** The GitHub Deployment that carries its statuses. */
  github_deployment_id: string | null;
  /** The number of its run among the runs of `run_workflow`. */
  run_number: number | null;
  run_workflow: string | null;
  /** The earlier runs that it waits for, such as `run #41`; null when it waits for none. */
  order_gap: string | null;
  /** When GitHub last showed that none of these runs is to be deployed before it. */
  order_cleared_at: number | null;
  /**
   * The earlier runs that it began without, since GitHub did not list them in time. Or a note that it is a
   * rollback.
   */
  order_note: string | null;
  /** 1 as long as the ref may be that of a tag of the same name. */
  ref_unproven: 1 | null;
  /** A note that the ref was taken for a branch, because GitHub could not be asked. */
  ref_note: string | null;
  /** 1 for a rollback by a person: it begins although its target is held. */
  passes_hold: 1 | null;
  /** The environment that the token of an asking job named; null where no job proved an approval. */
  approved_for: string | null;
  /** 1 where a person let it begin without an approval. */
  passes_gate: 1 | null;
  /** JSON: its run on each host, where it runs on all; see queue/placement/host-runs.ts. Null before it begins. */
  hosts: string | null;
  /** The hosts that it waits for, since they are down; null where it waits for none. */
  waits_for: string | null;
  /** The verification of this attempt: its URL, when it began, and the last answer that was not the wanted one. */
  verify_url: string | null;
  verify_started_at: number | null;
  verify_answer: string | null;
}

/** A deployment as a query returns it. */
export type DeploymentRecord = Selectable<DeploymentRow>;

/** A piece of a command's output, in the order in which it was written. */
export interface LogChunkRow {
  deployment_id: string;
  attempt: number;
  seq: number;
  at: number;
  text: string;
}

/** A status to post at GitHub. Each deployment is a line of its own, sent in order. */
export interface OutboxRow {
  id: Generated<number>;
  deployment_id: string;
  /** JSON: the state and description of a deployment status. */
  body: string;
  created_at: number;
  not_before: number;
  attempts: number;
  last_error: string | null;
  holder: string | null;
  token: number;
  lease_until: number | null;
  /** 1 for a final status, else 0. */
  final: Generated<number>;
}
