import type { Generated, Selectable } from "kysely";
import type { DeploymentSource, DeploymentStatus } from "../../shared/deployment.ts";
import type { AlertKind } from "../config/alert-kinds.ts";

/**
 * What the store holds, the same on both engines. Times are milliseconds since the epoch, identifiers of
 * GitHub's that exceed 2^53 are text, JSON is text. `repository` is `owner/name` in lower case.
 */
export interface Database {
  twinhook_version: VersionRow;
  targets: TargetRow;
  deliveries: DeliveryRow;
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
  setup_codes: SetupCodeRow;
  endpoint_health: EndpointHealthRow;
  health_samples: HealthSampleRow;
  store_copies: StoreCopyRow;
}

/** One row: the schema's version, and the lowest version of the code that may work with it. */
export interface VersionRow {
  id: number;
  version: number;
  min_code_version: number;
  /** Written when an instance must prove that it can commit. */
  probed_at: number;
}

/** What is remembered of a target across deployments: since when it is watched, and its mark. */
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
  /** The number of the newest run of the target's workflow that began, and which workflow that was. */
  mark_run_number?: number | null;
  mark_workflow?: string | null;
}

/** What became of a delivery. */
export const DELIVERY_OUTCOMES = ["deployed", "duplicate", "superseded", "ignored"] as const;
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
  /** JSON array of the deployments that it stands for. */
  deployment_ids: string;
  /** The number of its run among the runs of this workflow. */
  run_number: number | null;
  run_workflow: string | null;
  /** 1 where nothing more is to come of this number that a target waits for. */
  settles: 1 | null;
}

/** One target's command for one workflow run attempt. */
export interface DeploymentRow {
  id: string;
  /** Order of acceptance. */
  seq: Generated<number>;
  /** As GitHub spells it; `repository_key` is the same in lower case. */
  repository: string;
  repository_key: string;
  target: string;
  environment: string;
  sha: string;
  ref: string;
  workflow: string | null;
  actor: string | null;
  /** The first line of the commit's message, once an event told it. */
  commit_title: string | null;
  run_id: number | null;
  run_attempt: number | null;
  run_started_at: number;
  /** Where it stands in the target's order: its own run, or the mark for a rollback. */
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
  /** The lease on a running deployment: which runner, on which host, its fencing token, until when. */
  holder: string | null;
  host: string | null;
  token: number;
  lease_until: number | null;
  /** The named lock that a running deployment holds. */
  lock: string | null;
  /** The GitHub Deployment that shows it. */
  github_deployment_id: string | null;
  /** The number of its run among the runs of this workflow. */
  run_number: number | null;
  run_workflow: string | null;
  /** The earlier runs that it waits for, such as `run #41`; null when it waits for none. */
  order_gap: string | null;
  /** When GitHub last showed that none of them is to be deployed before it. */
  order_cleared_at: number | null;
  /** Which earlier runs it began without, because GitHub did not tell of them in time; or that it is a rollback. */
  order_note: string | null;
  /** 1 as long as the ref may be that of a tag of the same name. */
  ref_unproven: 1 | null;
  /** That it was taken for a branch, because GitHub could not be asked. */
  ref_note: string | null;
}

/** A deployment as it is read. */
export type DeploymentRecord = Selectable<DeploymentRow>;

/** A piece of a command's output, in the order in which it was written. */
export interface LogChunkRow {
  deployment_id: string;
  attempt: number;
  seq: number;
  at: number;
  text: string;
}

/** Something that GitHub has yet to be told; one line per deployment, sent in order. */
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
  /** 1 where it ends the deployment, else 0. */
  final: Generated<number>;
}

/** A lease that lasts for as long as it is seen to be renewed. */
export interface LeaseRow {
  name: string;
  /** The process that holds it, unique for all time; null once it was given up. */
  holder: string | null;
  instance: string | null;
  host: string | null;
  /** Grows with every new holder. */
  token: number;
  /** Grows with every renewal: who sees it stand still for the lease's time may take over. */
  beat: number;
}

/** One row: which endpoint GitHub is to deliver to, and what GitHub was last seen to say. */
export interface SwitchboardRow {
  id: number;
  active: string;
  pinned: string | null;
  pinned_reason: string | null;
  /** 1 while the pin holds although its endpoint is down, as someone insisted; 0 otherwise. */
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
  /** When GitHub had taken the new URL, and when it was read back; null until then. */
  switched_at: number | null;
  verified_at: number | null;
  /** When a later decision made this one void, before GitHub had taken it. */
  abandoned_at: number | null;
}

/** The last complete look at what GitHub has on record: the delivery log, or the runs of a target. */
export interface LookRow {
  name: string;
  /** When the look began that was completed last; null before the first. */
  completed_at: number | null;
  /** What was found missing, and what of it no newer run overtook, since the store was made. */
  found: number;
  accepted: number;
}

/** A place at GitHub that is scanned again and again, and how far that is. */
export interface ScanRow {
  scan: string;
  place: string;
  /** When the last scan of it began; null before the first. */
  scanned_at: number | null;
  /** When GitHub last showed it, by GitHub's clock; null when it never did. */
  seen_at: number | null;
  /** How often an event asked for a scan of it, and up to which of these it was scanned. */
  asked: number;
  served: number;
  /** What it showed the last time, and why it could not be seen since; null where that is nothing. */
  result: string | null;
  trouble: string | null;
}

/** Which repository a name in twinhook.yml stands for: a name may pass to another one, an id never does. */
export interface RepositoryRow {
  /** `owner/name` as the configuration has it, in lower case. */
  name: string;
  /** GitHub's id of the repository that had the name first. */
  id: number;
  /** What GitHub calls it now. */
  full_name: string;
  /** The id of another repository that has taken the name; null where none has. */
  taken_by: number | null;
}

/** What was sent lately for an account that GitHub counts as new content. */
export interface ContentCallsRow {
  /** The account's login in lower case. */
  account: string;
  /** JSON array of times, the oldest first. */
  calls: string;
  /** GitHub asked to be sent no content until then, and how often in a row. */
  paused_until: number;
  pauses: number;
}

/** A webhook of a repository that was made for an endpoint, to be removed with it. */
export interface RepositoryHookRow {
  /** GitHub's id of it. */
  hook_id: number;
  repository: string;
}

/** A session that was ended before its time. */
export interface EndedSessionRow {
  id: string;
  /** From then on it is over anyhow, and the row can go. */
  expires_at: number;
}

/** Something that a person did to the settings or to a deployment, or tried to. */
export interface AuditRow {
  id: Generated<number>;
  at: number;
  /** The person's login, or "admin token". */
  by: string;
  instance: string;
  /** Such as `switchover`. */
  action: string;
  details: string | null;
  /** What came of it, in words. */
  outcome: string;
}

/** How an endpoint does, as the controller sees it. */
export interface EndpointHealthRow {
  endpoint: string;
  status: "unknown" | "healthy" | "degraded" | "unhealthy";
  reason: string;
  /** Since when it has this status. */
  since: number;
}

/** What the controller's checks of an endpoint came to, in the time up to `at`. */
export interface HealthSampleRow {
  at: number;
  endpoint: string;
  /** Of the checks that succeeded; null where none did. */
  average_ms: number | null;
  succeeded: number;
  failed: number;
}

/** Something that people are to be told, once. */
export interface AlertRow {
  id: Generated<number>;
  kind: AlertKind | "test";
  /** Whether something began, is over, or merely happened. */
  state: "firing" | "resolved" | "event";
  /** Whom or what it is about, among alerts of its kind; such as the instance. */
  subject: string;
  /** When it began, and when this was noted. */
  since: number;
  at: number;
  /** JSON: what the message is made of, by kind. */
  facts: string;
  /** When messages were made of it; null until then. */
  told_at: number | null;
}

/** Something that people were told of and that is not over. */
export interface AlertConditionRow {
  kind: AlertKind;
  subject: string;
  since: number;
}

/** A message that is yet to be sent; one line per channel, sent in order. */
export interface AlertOutboxRow extends Omit<OutboxRow, "deployment_id" | "final"> {
  /** Which of the configured channels, see `channelId`. */
  channel: string;
  /** JSON: the ids of the alerts that the message tells. */
  body: string;
}

/** The setup code that an instance printed last, as long as nobody has used it. */
export interface SetupCodeRow {
  instance: string;
  digest: string;
}

/** A copy by which SQLite's file was put back: see sqlite/put-back.ts. */
export interface StoreCopyRow {
  id: string;
  made_at: number;
  /** 1 in the original, whose place the copy takes; 0 in the copy. */
  replaced: 0 | 1;
  /** When an alert was raised about it. */
  told_at: number | null;
}
