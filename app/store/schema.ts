import type { Generated, Selectable } from "kysely";
import type { DeploymentSource, DeploymentStatus } from "../../shared/deployment.ts";
import type { AlertKind } from "../config/alert-kinds.ts";

/**
 * The tables, the same on both engines. Times are milliseconds since the epoch. GitHub's ids above 2^53 are
 * text, and JSON is text. `repository` is `owner/name` in lower case.
 */
export interface Database {
  twinhook_version: VersionRow;
  targets: TargetRow;
  deliveries: DeliveryRow;
  waiting_runs: WaitingRunRow;
  deployments: DeploymentRow;
  log_chunks: LogChunkRow;
  outbox: OutboxRow;
  leases: LeaseRow;
  switchboard: SwitchboardRow;
  failovers: FailoverRow;
  looks: LookRow;
  scans: ScanRow;
  content_calls: ContentCallsRow;
  repositories: RepositoryRow;
  repository_hooks: RepositoryHookRow;
  alerts: AlertRow;
  alert_conditions: AlertConditionRow;
  alert_outbox: AlertOutboxRow;
  ended_sessions: EndedSessionRow;
  audit: AuditRow;
  admin_tokens: AdminTokenRow;
  setup_codes: SetupCodeRow;
  endpoint_health: EndpointHealthRow;
  health_samples: HealthSampleRow;
  store_copies: StoreCopyRow;
}

/** One row: the schema's version, and the lowest version of code that may work with it. */
export interface VersionRow {
  id: number;
  version: number;
  min_code_version: number;
  /** Written to prove that an instance can commit. */
  probed_at: number;
}

/** A target's lasting state: the time since when it is watched, and its high-water mark. */
export interface TargetRow {
  repository: string;
  target: string;
  /** GitHub's time, in whole seconds (as milliseconds), when the target was first seen; null once removed. */
  watch_from: number | null;
  mark_run_id: number;
  mark_run_attempt: number;
  /** When the run of the mark began at GitHub. */
  mark_run_started_at: number;
  mark_deployment_id: string | null;
  /** The number of the newest run that began on the target, and the workflow of that number. */
  mark_run_number?: number | null;
  mark_workflow?: string | null;
  /** The hold on the target: who set it, why, when, and until when. See queue/hold.ts. */
  held_by?: string | null;
  held_reason?: string | null;
  held_since?: number | null;
  held_until?: number | null;
  /** JSON: an environment and its protection rules at GitHub, see queue/gate/approval.ts; null where none is known. */
  protection?: string | null;
  /** The last recorded approval. A change of it is an alert. */
  approval?: "required" | "none" | null;
  /** 1 once a run has waited for an approved job here. */
  has_waited?: 1 | null;
}

/** The result of a delivery. */
export const DELIVERY_OUTCOMES = ["deployed", "waiting", "duplicate", "superseded", "ignored"] as const;
export type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number];

/** A message that arrived, by any route. */
export interface DeliveryRow {
  id: string;
  guid: string | null;
  source: DeploymentSource;
  event: string;
  action: string | null;
  repository: string;
  run_id: number | null;
  run_attempt: number | null;
  received_at: number;
  received_by: string;
  outcome: DeliveryOutcome;
  /** Why it deployed nothing; null when it did. */
  reason: string | null;
  /** JSON array of the deployments that it created or found. */
  deployment_ids: string;
  /** The number of its run among the runs of `run_workflow`. */
  run_number: number | null;
  run_workflow: string | null;
  /** 1 where targets need not wait any longer for this run number. */
  settles: 1 | null;
}

/** A run attempt that makes no deployment before an approved job asks for it. Its delivery is on record. */
export interface WaitingRunRow {
  repository: string;
  target: string;
  run_id: number;
  run_attempt: number;
  delivery_id: string;
  /** `protection` until GitHub tells whether the environment is protected. */
  gate: "approval" | "protection";
  /** JSON: the arrival, to be judged again once GitHub has told that. */
  arrival: string;
}

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

/** A lease without a time. It lasts as long as others see it renewed. */
export interface LeaseRow {
  name: string;
  /** The process that holds it, unique for all time; null once it was released. */
  holder: string | null;
  instance: string | null;
  host: string | null;
  /** Grows with every new holder. */
  token: number;
  /** Grows with every renewal. Another process may take over when it stands still for the lease's time. */
  beat: number;
}

/** One row: the active endpoint, and the webhook URL that GitHub last reported. */
export interface SwitchboardRow {
  id: number;
  active: string;
  pinned: string | null;
  pinned_reason: string | null;
  /** 1 while an admin's forced pin holds although its endpoint is down; 0 otherwise. */
  pinned_forced: number;
  webhook_url: string | null;
  webhook_verified_at: number | null;
}

/** A change of the active endpoint, step by step. */
export interface FailoverRow {
  id: Generated<number>;
  from_endpoint: string;
  to_endpoint: string;
  kind: "failover" | "switchover" | "recovery";
  reason: string;
  decided_by: string;
  detected_at: number;
  decided_at: number;
  /** When GitHub accepted the new URL, and when it was read back; null until then. */
  switched_at: number | null;
  verified_at: number | null;
  /** When a later decision replaced this one, before GitHub accepted the URL. */
  abandoned_at: number | null;
}

/** The last complete scan of a list at GitHub: the delivery log, or the runs of a target. */
export interface LookRow {
  name: string;
  /** When the last completed scan began; null before the first. */
  completed_at: number | null;
  /**
   * Totals since the store was made: missing requests that were found, and found requests that no newer run
   * overtook.
   */
  found: number;
  accepted: number;
}

/** A place at GitHub that is scanned again and again, and the progress of its scan. */
export interface ScanRow {
  scan: string;
  place: string;
  /** When its last scan began; null before the first. */
  scanned_at: number | null;
  /** When GitHub last showed it, by GitHub's clock; null when it never did. */
  seen_at: number | null;
  /** How many scans events have asked for, and how many of these requests are done. */
  asked: number;
  served: number;
  /** The result of its last scan, and the error of the scans since; null for none. */
  result: string | null;
  trouble: string | null;
}

/** The repository behind a name in twinhook.yml. Another repository may take a name, but never an id. */
export interface RepositoryRow {
  /** `owner/name` in the configuration, in lower case. */
  name: string;
  /** GitHub's id of the repository that had the name first. */
  id: number;
  /** GitHub's present name of it. */
  full_name: string;
  /** The id of another repository that has taken the name; null where none has. */
  taken_by: number | null;
}

/** The recent content-creating calls of an account. */
export interface ContentCallsRow {
  /** The account's login in lower case. */
  account: string;
  /** JSON array of times, oldest first. */
  calls: string;
  /** The end of a pause that GitHub asked for, and how many pauses in a row it asked for. */
  paused_until: number;
  pauses: number;
}

/** A repository webhook that was made for an endpoint, to be removed with it. */
export interface RepositoryHookRow {
  /** GitHub's id of the webhook. */
  hook_id: number;
  repository: string;
}

/** A session that was ended before its time. */
export interface EndedSessionRow {
  id: string;
  /** When the session would have ended anyway. The row may be deleted then. */
  expires_at: number;
}

/** A named admin token. The token itself is shown once and is nowhere stored. */
export interface AdminTokenRow {
  name: string;
  /** The SHA-256 of the token, in hex. */
  digest: string;
  /** JSON array: see auth/token-scopes.ts. */
  scopes: string;
  created_at: number;
  /** The name of the person who made it, as in the audit list. */
  created_by: string;
  /** When it ends by itself; null: never. */
  expires_at: number | null;
  /** When it was last used, to the minute; null: never. */
  last_used_at: number | null;
}

/** An action of a person on the settings or on a deployment, or an attempt at one. */
export interface AuditRow {
  id: Generated<number>;
  at: number;
  /** The person's login, "admin token", or "token NAME". */
  by: string;
  instance: string;
  /** Such as `switchover`. */
  action: string;
  details: string | null;
  /** The result, in words. */
  outcome: string;
}

/** The health of an endpoint, as the controller sees it. */
export interface EndpointHealthRow {
  endpoint: string;
  status: "unknown" | "healthy" | "degraded" | "unhealthy";
  reason: string;
  /** When it got this status. */
  since: number;
}

/** The results of the controller's checks of an endpoint, in the time up to `at`. */
export interface HealthSampleRow {
  at: number;
  endpoint: string;
  /** The average of the checks that succeeded; null where none did. */
  average_ms: number | null;
  succeeded: number;
  failed: number;
}

/** An alert, reported once. */
export interface AlertRow {
  id: Generated<number>;
  kind: AlertKind | "test";
  /** A condition that began, its end, or a single event. */
  state: "firing" | "resolved" | "event";
  /** The subject among alerts of its kind, such as the instance. */
  subject: string;
  /** When the condition began, and when this alert was raised. */
  since: number;
  at: number;
  /** JSON: the facts of the message, by kind. */
  facts: string;
  /** When its messages were made; null until then. */
  told_at: number | null;
}

/** A reported condition that still lasts. */
export interface AlertConditionRow {
  kind: AlertKind;
  subject: string;
  since: number;
}

/** A message to send. Each channel is a line of its own, sent in order. */
export interface AlertOutboxRow extends Omit<OutboxRow, "deployment_id" | "final"> {
  /** The configured channel, see `channelId`. */
  channel: string;
  /** JSON: the ids of the alerts in the message. */
  body: string;
}

/** The last setup code that an instance printed, until it is used. */
export interface SetupCodeRow {
  instance: string;
  digest: string;
}

/** A copy that replaced SQLite's file: see sqlite/put-back.ts. */
export interface StoreCopyRow {
  id: string;
  made_at: number;
  /** 1 in the original, which the copy replaces; 0 in the copy. */
  replaced: 0 | 1;
  /** When an alert was raised about it. */
  told_at: number | null;
}
