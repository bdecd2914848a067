import type { AlertConditionRow, AlertOutboxRow, AlertRow } from "./tables/alerts.ts";
import type { DeliveryRow, TargetRow, WaitingRunRow } from "./tables/deliveries.ts";
import type { DeploymentRow, LogChunkRow, OutboxRow } from "./tables/deployments.ts";
import type { ContentCallsRow, LookRow, RepositoryHookRow, RepositoryRow, ScanRow } from "./tables/github.ts";
import type { AdminTokenRow, AuditRow, EndedSessionRow, SetupCodeRow } from "./tables/people.ts";
import type {
  EndpointHealthRow,
  FailoverRow,
  HealthSampleRow,
  LeaseRow,
  StoreCopyRow,
  SwitchboardRow,
  VersionRow,
} from "./tables/redundancy.ts";

export * from "./tables/alerts.ts";
export * from "./tables/deliveries.ts";
export * from "./tables/deployments.ts";
export * from "./tables/github.ts";
export * from "./tables/people.ts";
export * from "./tables/redundancy.ts";

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
