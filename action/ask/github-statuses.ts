import type { DeploymentStatus } from "../../shared/deployment.ts";
import { type ReadStatus, readStatus } from "../../shared/github-status.ts";
import { identifier, type KnownDeployment, webUrl } from "./answer.ts";
import { readPayload } from "./github-answers.ts";
import type { ActionRequest } from "./request.ts";

/**
 * The deployment's state by the statuses of its GitHub Deployment; `none` while no instance has written one.
 */
export type ToldByStatuses =
  | { kind: "status"; status: DeploymentStatus; detail: string | null; logUrl: string | null }
  | Exclude<ReadStatus, { kind: "status" }>
  | { kind: "none" };

/**
 * Reads the newest status that the App wrote. GitHub adds `inactive` to earlier deployments of an
 * environment, which says nothing about their outcome.
 * @param statuses in GitHub's order, newest first.
 * @param since statuses from before this time (ms) belong to an earlier attempt.
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

/**
 * Whether the status holds for later attempts too. A deployed or superseded run is never deployed again;
 * others may be.
 */
function outlastsAttempt(read: ReadStatus): boolean {
  if (read.kind === "status") return read.status === "succeeded" || read.status === "superseded";
  return read.kind === "elsewhere";
}

/**
 * The deployment, as a status of its GitHub Deployment shows it. A null status means that no instance has
 * found it yet.
 * @param fallbackId the id that an endpoint gave before, if any.
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
    // The App links to the deployment's page, whose URL ends with the id.
    id: identifier(url && /\/deployments\/([^/?#]+)$/.exec(url)?.[1]) ?? fallbackId,
    status: told?.status ?? "queued",
    onRecord: told !== null,
    reason: told?.detail ? redact(told.detail) : null,
    url: url ?? pageUrl,
    ...{
      superseded_by: null,
      accepted_by: "",
      run_by: null,
      hosts: [],
      exit_code: null,
      log_tail: null,
      verify: null,
      duplicate: false,
    },
  };
}
