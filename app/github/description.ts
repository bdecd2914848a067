import type { Announcement } from "../queue/announce.ts";

/** GitHub refuses longer ones. @see https://docs.github.com/en/rest/deployments/statuses */
const MAX_DESCRIPTION = 140;

type GitHubState = "queued" | "in_progress" | "success" | "failure" | "error" | "inactive";

/** How a deployment's status reads at GitHub. */
export function githubStatus({ status, detail }: Announcement): { state: GitHubState; description: string } {
  const [state, text] = STATES[status];
  const description = detail ? `${text}: ${detail}` : text;
  return {
    state,
    description:
      description.length > MAX_DESCRIPTION ? `${description.slice(0, MAX_DESCRIPTION - 1)}…` : description,
  };
}

const STATES: Record<Announcement["status"], [GitHubState, string]> = {
  queued: ["queued", "Waiting to be deployed"],
  running: ["in_progress", "Deploying"],
  succeeded: ["success", "Deployed"],
  failed: ["failure", "Failed"],
  cancelled: ["error", "Cancelled"],
  superseded: ["inactive", "Superseded by a newer run"],
};
