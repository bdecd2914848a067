import type { WorkflowRunEvent } from "@octokit/webhooks-types";
import type { AppIdentity } from "./app-identity.ts";
import type { Changes } from "./changes.ts";
import type { Clock } from "./clock.ts";
import type { Deliveries } from "./deliveries.ts";
import type { DeploymentRecord } from "./deployment-object.ts";
import type { Hook } from "./hook.ts";
import type { IssueRecord } from "./issue-routes.ts";
import type { Oidc } from "./oidc.ts";
import type { Tokens } from "./tokens.ts";

/** One run of a workflow; the last attempt is the current one. */
export interface RunRecord {
  id: number;
  attempts: { attempt: number; event: WorkflowRunEvent }[];
  /** Everything that it has been, with the time of each change; lists may show it late. */
  history: { at: number; run: WorkflowRunEvent["workflow_run"] }[];
}

/** A repository and all that happened in it. */
export interface RepositoryRecord {
  id: number;
  full_name: string;
  owner: string;
  name: string;
  default_branch: string;
  private: boolean;
  /** Null where the App is not installed. */
  installation_id: number | null;
  created_at: string;
  /** Branch name → commit. */
  branches: Map<string, string>;
  /** Branch name → the commits that were pushed to it, the oldest first. */
  pushed: Map<string, string[]>;
  /** Tag name → commit. */
  tags: Map<string, string>;
  runs: RunRecord[];
  deployments: DeploymentRecord[];
  issues: IssueRecord[];
  hooks: Hook[];
  /** Login → right, for the permissions that a user's token shows. */
  collaborators: Map<string, "read" | "write" | "admin">;
}

/** Everything that the simulated GitHub knows. The routes work on it. */
export interface World {
  /**
   * Tells this GitHub from others in the same process: @octokit/auth-app 8.3.1 knows the requests for tokens that are
   * under way by the installation's id alone, whichever App and server they are of.
   */
  readonly name: string;
  readonly app: AppIdentity;
  readonly appHook: Hook;
  readonly clock: Clock;
  readonly changes: Changes;
  readonly tokens: Tokens;
  readonly deliveries: Deliveries;
  readonly repositories: Map<string, RepositoryRecord>;
  /** Old name in lower case → new name, of repositories that were renamed or transferred. */
  readonly moved: Map<string, string>;
  readonly manifestCodes: Map<string, Record<string, unknown>>;
  /** What people agreed to at the authorize page; null once the App has taken it. */
  readonly oauthCodes: Map<string, { login: string; redirectUri: string; challenge: string | null } | null>;
  readonly settings: Settings;
  readonly oidc: Oidc;
  /** The next id of a deployment, status, issue, comment or hook. */
  nextId(): number;
}

/** Where nobody knows how GitHub behaves, a test says which way it goes. */
export interface Settings {
  /** Whether a PATCH of the App hook's config without `secret` removes the secret. */
  appHookForgetsSecret: boolean;
  /** Whose deployments send the `deployment` event. */
  deploymentEvents: ("app" | "github_token")[];
  /** Who signs in at the authorize page. */
  signedInAs: string;
  /** How late a delivery shows in the list of deliveries, and a change of a run in the list of runs (ms). */
  deliveryListLagMs: number;
  runListLagMs: number;
}

/** The repositories of one installation, in the order in which they were added. */
export function repositoriesOf(world: World, installationId: number): RepositoryRecord[] {
  return [...world.repositories.values()].filter(({ installation_id }) => installation_id === installationId);
}
