import type { DeploymentStatus } from "../../../shared/deployment.ts";
import { type WrittenStatus, writeStatus } from "../../../shared/github-status.ts";
import type { Permissions } from "../../simulator/app-identity.ts";
import type { GitHub } from "../../simulator/simulator.ts";

/** The permission that the route by GitHub needs. */
export const MAY_DEPLOY: Permissions = { contents: "read", deployments: "write" };

/** Inputs and environment of a job that runs at this simulated GitHub. */
export function jobAt(github: GitHub, permissions: Permissions = MAY_DEPLOY) {
  return {
    inputs: { "github-token": github.githubToken("acme/site", permissions) },
    env: { GITHUB_API_URL: github.url, GITHUB_SERVER_URL: github.url },
  };
}

/** Resolves with the id of the GitHub Deployment that a step leaves. */
export async function leftAt(github: GitHub): Promise<number> {
  await github.waitFor(() => github.deployments("acme/site").length > 0);
  return github.deployments("acme/site").at(-1)?.id ?? 0;
}

/** Writes a status as the App does. */
export async function writeAsApp(
  github: GitHub,
  id: number,
  status: WrittenStatus | DeploymentStatus,
  { detail = null, logUrl }: { detail?: string | null; logUrl?: string } = {},
): Promise<void> {
  const token = github.githubToken("acme/site", { deployments: "write" });
  const written = typeof status === "string" ? writeStatus(status, detail) : status;
  const response = await fetch(`${github.url}/repos/acme/site/deployments/${id}/statuses`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ ...written, ...(logUrl && { log_url: logUrl }) }),
  });
  if (response.status !== 201)
    throw new Error(`GitHub answered ${response.status}: ${await response.text()}`);
}
