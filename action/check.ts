import type { Client } from "./ask/client.ts";
import type { GitHubClient } from "./ask/github-client.ts";
import type { Journal } from "./ask/journal.ts";
import type { Endpoint } from "./input/endpoints.ts";

/** The routes that would accept the request, and those that would not. */
export interface Checked {
  ready: Endpoint[];
  failing: Endpoint[];
}

/**
 * Calls every route once with a dry run. It checks that the route answers, accepts this job's credentials,
 * and knows the target.
 */
export async function checkRoutes({
  client,
  endpoints,
  github,
  journal,
}: {
  client: Client;
  endpoints: readonly Endpoint[];
  /** Null when GitHub must not be used. */
  github: { endpoint: Endpoint; client: GitHubClient } | null;
  journal: Journal;
}): Promise<Checked> {
  const checked: Checked = { ready: [], failing: [] };
  const note = (endpoint: Endpoint, ready: boolean) => checked[ready ? "ready" : "failing"].push(endpoint);
  for (const endpoint of endpoints) {
    const at = { step: "check", endpoint, round: 1 } as const;
    note(endpoint, (await journal.record(at, () => client.request(endpoint))).kind === "deployment");
  }
  if (github) {
    const at = { step: "check", endpoint: github.endpoint, round: 1 } as const;
    const result = await journal.record(
      at,
      async () => (await github.client.check()) ?? { kind: "ready", status: 422 },
    );
    note(github.endpoint, result.kind === "ready");
  }
  return checked;
}
