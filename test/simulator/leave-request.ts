import type { GitHub } from "./simulator.ts";

/** Parks a request in a GitHub Deployment, as the Action does with the job's own token. Returns its id. */
export async function leaveRequest(
  github: Pick<GitHub, "url" | "githubToken">,
  { sha, environment = "production", payload }: { sha: string; environment?: string; payload: unknown },
): Promise<number> {
  const response = await fetch(`${github.url}/repos/acme/site/deployments`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${github.githubToken("acme/site", { deployments: "write" })}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({
      ref: sha,
      task: "twinhook",
      environment,
      auto_merge: false,
      required_contexts: [],
      payload,
    }),
  });
  return ((await response.json()) as { id: number }).id;
}
