import { accountObject } from "./account-object.ts";
import { ACTIONS_APP, type AppIdentity, appObject } from "./app-identity.ts";
import type { Caller } from "./router.ts";
import { nodeId } from "./stable-values.ts";

/** A GitHub Deployment with its statuses, the oldest first. */
export interface DeploymentRecord {
  id: number;
  repository: string;
  sha: string;
  ref: string;
  task: string;
  payload: unknown;
  original_environment: string;
  environment: string;
  description: string | null;
  transient_environment: boolean;
  production_environment: boolean;
  created_at: string;
  updated_at: string;
  by: Actor;
  statuses: DeploymentStatusRecord[];
}

/** One status of a GitHub Deployment. */
export interface DeploymentStatusRecord {
  id: number;
  deployment_id: number;
  repository: string;
  state: string;
  description: string;
  environment: string;
  environment_url: string;
  log_url: string;
  created_at: string;
  updated_at: string;
  by: Actor;
}

/** The actor of a call to the API. */
export type Actor = "app" | "github_token" | { login: string };

/** The actor behind a caller. */
export function actorOf(caller: Caller): Actor {
  if (caller.kind === "user") return { login: caller.login ?? "octocat" };
  return caller.kind === "github_token" ? "github_token" : "app";
}

/** The account and the App under which GitHub shows an actor. */
export function actorObjects(by: Actor, app: AppIdentity) {
  if (typeof by === "object") return { creator: accountObject(by.login), performed_via_github_app: null };
  const acting = by === "app" ? app : ACTIONS_APP;
  return {
    creator: accountObject(`${acting.slug}[bot]`, "Bot"),
    performed_via_github_app: appObject(acting),
  };
}

/** A deployment in GitHub's answers and events. */
export function deploymentObject(record: DeploymentRecord, app: AppIdentity) {
  const { repository, by, statuses: _statuses, ...fields } = record;
  const repositoryUrl = `https://api.github.com/repos/${repository}`;
  const url = `${repositoryUrl}/deployments/${record.id}`;
  return {
    url,
    node_id: nodeId("Deployment", record.id),
    ...fields,
    ...actorObjects(by, app),
    statuses_url: `${url}/statuses`,
    repository_url: repositoryUrl,
  };
}

/** A status in GitHub's answers. */
export function deploymentStatusObject(record: DeploymentStatusRecord, app: AppIdentity) {
  const { repository, deployment_id, by, ...fields } = record;
  const repositoryUrl = `https://api.github.com/repos/${repository}`;
  const deploymentUrl = `${repositoryUrl}/deployments/${deployment_id}`;
  return {
    url: `${deploymentUrl}/statuses/${record.id}`,
    node_id: nodeId("DeploymentStatus", record.id),
    ...fields,
    ...actorObjects(by, app),
    target_url: record.log_url,
    deployment_url: deploymentUrl,
    repository_url: repositoryUrl,
  };
}
