import type { DeploymentStatus } from "../shared/deployment.ts";
import { type ReadStatus, readStatus } from "../shared/github-status.ts";
import { readPayload } from "./github-answers.ts";

/** What the statuses of a GitHub Deployment tell, or `none` while no instance has written one. */
export type ToldByStatuses =
  | { kind: "status"; status: DeploymentStatus; detail: string | null; logUrl: string | null }
  | Exclude<ReadStatus, { kind: "status" }>
  | { kind: "none" };

/**
 * The newest status that the App wrote. GitHub adds `inactive` to earlier deployments of an environment, which says
 * nothing about how they ended.
 * @param statuses as GitHub lists them, the newest first.
 * @param since an end from before this time (ms) belongs to an earlier attempt.
 */
export function readStatuses(statuses: readonly unknown[], { since }: { since: number }): ToldByStatuses {
  for (const value of statuses) {
    const { state, description, log_url, created_at } = readPayload(value);
    if (typeof state !== "string") continue;
    const read = readStatus({ state, description: typeof description === "string" ? description : null });
    if (read === null) continue;
    if (read.kind !== "status") return read;
    const old = typeof created_at === "string" && Date.parse(created_at) < since;
    if (old && (read.status === "failed" || read.status === "cancelled")) return { kind: "none" };
    return { ...read, logUrl: typeof log_url === "string" ? log_url : null };
  }
  return { kind: "none" };
}
