import type { DeploymentStatus } from "../../shared/deployment.ts";
import { type ReadStatus, readStatus } from "../../shared/github-status.ts";
import { identifier, type KnownDeployment, webUrl } from "./answer.ts";
import { readPayload } from "./github-answers.ts";
import type { ActionRequest } from "./request.ts";

/** What the statuses of a GitHub Deployment tell, or `none` while no instance has written one. */
export type ToldByStatuses =
  | { kind: "status"; status: DeploymentStatus; detail: string | null; logUrl: string | null }
  | Exclude<ReadStatus, { kind: "status" }>
  | { kind: "none" };

/**
 * The newest status that the App wrote. GitHub adds `inactive` to earlier deployments of an environment, which says
 * nothing about how they ended.
 * @param statuses as GitHub lists them, the newest first.
 * @param since what is from before this time (ms) tells of an earlier attempt.
 */
export function readStatuses(statuses: readonly unknown[], { since }: { since: number }): ToldByStatuses {
  for (const value of statuses) {
    const { state, description, log_url, created_at } = readPayload(value);
    if (typeof state !== "string") continue;
    const read = readStatus({ state, description: typeof description === "string" ? description : null });
    if (read === null) continue;
    const old = typeof created_at === "string" && Date.parse(created_at) < since;
    if (old && !outlastsAttempt(read)) return { kind: "none" };
    if (read.kind !== "status") return read;
    return { ...read, logUrl: typeof log_url === "string" ? log_url : null };
  }
  return { kind: "none" };
}

/** Whether it holds for later attempts too: what was deployed or superseded is never deployed again, the rest may be. */
function outlastsAttempt(read: ReadStatus): boolean {
  if (read.kind === "status") return read.status === "succeeded" || read.status === "superseded";
  return read.kind === "elsewhere";
}

/**
 * Our deployment as a status of its GitHub Deployment shows it; by null, one that no instance has found yet.
 * @param fallbackId the id that an endpoint told before, if any.
 */
export function shownByStatus(
  told: Extract<ToldByStatuses, { kind: "status" }> | null,
  fallbackId: string,
  { request, pageUrl, redact }: { request: ActionRequest; pageUrl: string; redact: (text: string) => string },
): KnownDeployment {
  const { repository, environment, sha, run_id, run_attempt, target = "" } = request;
  const url = webUrl(told?.logUrl);
  return {
    ...{ repository, environment, sha, run_id, run_attempt, target },
    // The App links to the deployment's page, which ends with its id.
    id: identifier(url && /\/deployments\/([^/?#]+)$/.exec(url)?.[1]) ?? fallbackId,
    status: told?.status ?? "queued",
    onRecord: told !== null,
    reason: told?.detail ? redact(told.detail) : null,
    url: url ?? pageUrl,
    ...{
      superseded_by: null,
      accepted_by: "",
      run_by: null,
      exit_code: null,
      log_tail: null,
      duplicate: false,
    },
  };
}
