import type { DeploymentStatus } from "./deployment.ts";

/** The states of a GitHub Deployment that Twinhook uses. */
export type GitHubState = "queued" | "in_progress" | "success" | "failure" | "error" | "inactive";

/** GitHub's state for each status of a deployment, and the start of its description. */
const STATES: Record<DeploymentStatus, readonly [GitHubState, string]> = {
  queued: ["queued", "Waiting to be deployed"],
  running: ["in_progress", "Deploying"],
  succeeded: ["success", "Deployed"],
  failed: ["failure", "Failed"],
  cancelled: ["error", "Cancelled"],
  superseded: ["inactive", "Superseded by a newer run"],
};

const REFUSES = "Twinhook refuses: ";

/** A status of a GitHub Deployment, as the App writes it. */
export interface WrittenStatus {
  state: GitHubState;
  description: string;
}

/** The meaning of a GitHub Deployment's status for a deployment. */
export type ReadStatus =
  | { kind: "status"; status: DeploymentStatus; detail: string | null }
  /** The App refuses the parked request. */
  | { kind: "refused"; reason: string }
  /** Another GitHub Deployment shows the deployment. */
  | { kind: "elsewhere"; githubId: string };

/** The GitHub status for a deployment's status. */
export function writeStatus(status: DeploymentStatus, detail: string | null): WrittenStatus {
  const [state, text] = STATES[status];
  return { state, description: describable(detail ? `${text}: ${detail}` : text) };
}

/** The GitHub status that tells why the App refuses a parked request. */
export function writeRefusal(reason: string): WrittenStatus {
  return { state: "error", description: describable(REFUSES + reason) };
}

/** The GitHub status that names the GitHub Deployment which already shows the deployment. */
export function writeElsewhere(githubId: string | null | undefined, deploymentId: string): WrittenStatus {
  const description = `the GitHub Deployment ${githubId} shows this deployment, ${deploymentId}`;
  return { state: "inactive", description: describable(description) };
}

/**
 * Reads a GitHub status, or returns null when the App did not write it (GitHub adds `inactive` by itself).
 */
export function readStatus({
  state,
  description,
}: {
  state: string;
  description?: string | null;
}): ReadStatus | null {
  const text = description ?? "";
  if (state === "error" && text.startsWith(REFUSES))
    return { kind: "refused", reason: text.slice(REFUSES.length) };
  const elsewhere = state === "inactive" ? /^the GitHub Deployment (\d+) shows/.exec(text)?.[1] : undefined;
  if (elsewhere !== undefined) return { kind: "elsewhere", githubId: elsewhere };
  const found = (Object.keys(STATES) as DeploymentStatus[]).find(
    (status) => STATES[status][0] === state && text.startsWith(STATES[status][1]),
  );
  if (found === undefined) return null;
  const detail = text.slice(STATES[found][1].length).replace(/^: /, "");
  return { kind: "status", status: found, detail: detail === "" ? null : detail };
}

/** A description that GitHub takes: at most 140 characters, none of which needs 4 bytes in UTF-8. */
export function describable(text: string): string {
  const description = text.replace(/[\u{D800}-\u{DFFF}\u{10000}-\u{10FFFF}]/gu, "\uFFFD");
  return description.length > 140 ? `${description.slice(0, 139)}…` : description;
}
