import type { Selectable } from "kysely";
import type { Deployment, DeploymentHost, Verification } from "../../shared/deployment.ts";
import { isoTime } from "../clock.ts";
import { hostRuns } from "../queue/placement/host-runs.ts";
import type { DeliveryRow, DeploymentRecord, FailoverRow } from "../store/schema.ts";
import type { DeliveryAnswer } from "./answers/delivery.ts";
import type { StatusAnswer } from "./answers/status.ts";

/** Converts a row to a deployment of the API. */
export function presentDeployment(
  row: DeploymentRecord,
  { url, duplicate = false, logTail = null }: { url: string; duplicate?: boolean; logTail?: string | null },
): Deployment {
  return {
    id: row.id,
    repository: row.repository,
    target: row.target,
    environment: row.environment,
    sha: row.sha,
    ref: row.ref,
    run_id: row.run_id,
    run_attempt: row.run_attempt,
    status: row.status,
    superseded_by: row.superseded_by,
    duplicate,
    source: row.source,
    accepted_by: row.accepted_by,
    run_by: row.run_by,
    hosts: presentHosts(row),
    attempt: row.attempt,
    exit_code: row.exit_code,
    reason: row.reason,
    accepted_at: isoTime(row.accepted_at),
    started_at: isoTime(row.started_at),
    finished_at: isoTime(row.finished_at),
    verified_at: isoTime(row.verified_at),
    verify: presentVerification(row),
    log_tail: logTail,
    url,
  };
}

/** Converts a deployment's runs on all hosts to those of the API; null where it has none. */
export function presentHosts(row: Pick<DeploymentRecord, "hosts">): DeploymentHost[] | null {
  if (row.hosts === null) return null;
  return hostRuns(row).map(({ started_at, finished_at, ...run }) => ({
    ...run,
    started_at: isoTime(started_at),
    finished_at: isoTime(finished_at),
  }));
}

/** The verification ends with its deployment, and as it does. */
function presentVerification(row: DeploymentRecord): Verification | null {
  const { verify_url: url, verify_started_at: startedAt, verify_answer: answer, status } = row;
  if (url === null || startedAt === null || status === "queued" || status === "superseded") return null;
  return { url, status, started_at: isoTime(startedAt), finished_at: isoTime(row.finished_at), answer };
}

/** Converts a row to a delivery of the API. */
export function presentDelivery(row: DeliveryRow): DeliveryAnswer {
  const { deployment_ids, received_at, run_number: _n, run_workflow: _w, settles: _s, ...rest } = row;
  return { ...rest, received_at: isoTime(received_at), deployments: JSON.parse(deployment_ids) as string[] };
}

/** Converts a row to the last failover of the API. */
export function presentFailover(row: Selectable<FailoverRow>): NonNullable<StatusAnswer["last_failover"]> {
  return {
    from: row.from_endpoint,
    to: row.to_endpoint,
    kind: row.kind,
    reason: row.reason,
    detected_at: isoTime(row.detected_at),
    decided_at: isoTime(row.decided_at),
    switched_at: isoTime(row.switched_at),
    verified_at: isoTime(row.verified_at),
    duration_ms: row.switched_at === null ? null : row.switched_at - row.detected_at,
  };
}
