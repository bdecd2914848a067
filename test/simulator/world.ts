import type { WorkflowRunEvent } from "@octokit/webhooks-types";
import type { AppIdentity } from "./app-identity.ts";
import type { Changes } from "./changes.ts";
import type { Clock } from "./clock.ts";
import type { Deliveries } from "./deliveries.ts";
import type { DeploymentRecord } from "./deployment-object.ts";
import type { EnvironmentRecord } from "./environment-routes.ts";
import type { Hook } from "./hook.ts";
import type { IssueRecord } from "./issue-routes.ts";
import type { Oidc } from "./oidc.ts";
import type { Tokens } from "./tokens.ts";

/** One run of a workflow; the last attempt is the current one. */
export interface RunRecord {
  id: number;
  attempts: { attempt: number; event: WorkflowRunEvent }[];
  /** Every past state of the run, with the time of each change; lists may show changes late. */
  history: { at: number; run: WorkflowRunEvent["workflow_run"] }[];
}

/** A repository and its whole history. */
export interface RepositoryRecord {
  id: number;
  full_name: string;
  owner: string;
  name: string;
  default_branch: string;
  private: boolean;
  /** Null when the App is not installed. */
  installation_id: number | null;
  created_at: string;
  /** Branch name → commit. */
  branches: Map<string, string>;
  /** Branch name → the commits that were pushed to it, the oldest first. */
  pushed: Map<string, string[]>;
  /** Tag name → commit, or the object of an annotated tag. */
  tags: Map<string, string>;
  /** The object of an annotated tag → commit. */
  tagObjects: Map<string, string>;
  /** By name in lower case. */
  environments: Map<string, EnvironmentRecord>;
  runs: RunRecord[];
  deployments: DeploymentRecord[];
  issues: IssueRecord[];
  hooks: Hook[];
  /** Login → right, for the permissions that a user's token shows. */
  collaborators: Map<string, "read" | "write" | "admin">;
}

/** The whole state of the simulated GitHub. The routes work on it. */
export interface World {
  /**
   * Distinguishes this GitHub from others in the same process. @octokit/auth-app 8.3.1 shares pending token
   * requests by the installation's id alone, across Apps and servers.
   */
  readonly name: string;
  readonly app: AppIdentity;
  readonly appHook: Hook;
  readonly clock: Clock;
  readonly changes: Changes;
  readonly tokens: Tokens;
  readonly deliveries: Deliveries;
  readonly repositories: Map<string, RepositoryRecord>;
  /** Old name in lower case → new name, for renamed or transferred repositories. */
  readonly moved: Map<string, string>;
  readonly manifestCodes: Map<string, Record<string, unknown>>;
  /** People's authorizations by code; null once the App has used the code. */
  readonly oauthCodes: Map<string, { login: string; redirectUri: string; challenge: string | null } | null>;
  readonly settings: Settings;
  readonly oidc: Oidc;
  /** The next id of a deployment, status, issue, comment or hook. */
  nextId(): number;
}

/** Settings for behaviour of GitHub that is not known: a test chooses. */
export interface Settings {
  /** Whether a PATCH of the App hook's config without `secret` removes the secret. */
  appHookForgetsSecret: boolean;
  /** The creators whose deployments send the `deployment` event. */
  deploymentEvents: ("app" | "github_token")[];
  /** The login of the person at the authorize page. */
  signedInAs: string;
  /** The delay before a delivery, or a change of a run, appears in its list (ms). */
  deliveryListLagMs: number;
  runListLagMs: number;
}

/** The repositories of one installation, in the order in which they were added. */
export function repositoriesOf(world: World, installationId: number): RepositoryRecord[] {
  return [...world.repositories.values()].filter(({ installation_id }) => installation_id === installationId);
}
