import { actorOf, type DeploymentStatusRecord, deploymentStatusObject } from "./deployment-object.ts";
import { deploymentIn } from "./deployment-routes.ts";
import { GitHubError, validationFailed } from "./github-error.ts";
import { listAnswer } from "./paging.ts";
import type { Answer, Route, RouteContext } from "./router.ts";
import { isoSeconds } from "./stable-values.ts";

const COLLECTION = "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses";
const STATES = ["error", "failure", "inactive", "in_progress", "queued", "pending", "success"];

/** Statuses of GitHub Deployments. */
export const deploymentStatusRoutes: Route[] = [
  { method: "GET", path: COLLECTION, auth: "token", permission: ["deployments", "read"], handle: list },
  { method: "POST", path: COLLECTION, auth: "token", permission: ["deployments", "write"], handle: create },
  {
    method: "GET",
    path: `${COLLECTION}/{status_id}`,
    auth: "token",
    permission: ["deployments", "read"],
    handle: one,
  },
];

function list(context: RouteContext): Answer {
  const { world, repository, params } = context;
  const { statuses } = deploymentIn(repository, params);
  return listAnswer(
    context,
    statuses.toReversed().map((status) => deploymentStatusObject(status, world.app)),
  );
}

function one({ world, repository, params }: RouteContext): Answer {
  const found = deploymentIn(repository, params).statuses.find(({ id }) => String(id) === params.status_id);
  if (!found) throw new GitHubError(404, "Not Found");
  return { status: 200, body: deploymentStatusObject(found, world.app) };
}

function create({ world, repository, params, body, caller }: RouteContext): Answer {
  const deployment = deploymentIn(repository, params);
  const state = String(body.state);
  if (!STATES.includes(state))
    throw validationFailed("DeploymentStatus", "state", "state is not included in the list");
  const text = (field: string) => (typeof body[field] === "string" ? (body[field] as string) : "");
  if (text("description").length > 140)
    throw validationFailed(
      "DeploymentStatus",
      "description",
      "description is too long (maximum is 140 characters)",
    );
  for (const field of ["log_url", "environment_url", "target_url"])
    if (text(field) !== "" && !/^https?:\/\//.test(text(field)))
      throw validationFailed("DeploymentStatus", field, `${field} must use http(s) scheme`);

  const now = isoSeconds(world.clock.now());
  const add = (
    target: typeof deployment,
    fields: Pick<DeploymentStatusRecord, "state">,
    description = "",
  ) => {
    const status: DeploymentStatusRecord = {
      id: world.nextId(),
      deployment_id: target.id,
      repository: target.repository,
      environment: target.environment,
      environment_url: text("environment_url"),
      log_url: text("log_url") || text("target_url"),
      created_at: now,
      updated_at: now,
      by: actorOf(caller),
      description,
      ...fields,
    };
    target.statuses.push(status);
    target.updated_at = now;
    world.changes.emit("deployment_status", status);
    return status;
  };

  if (text("environment") !== "") deployment.environment = text("environment");
  const status = add(deployment, { state }, text("description"));
  if (state === "success" && body.auto_inactive !== false)
    for (const earlier of repository.deployments)
      if (
        earlier.id < deployment.id &&
        earlier.environment === deployment.environment &&
        !earlier.transient_environment &&
        !earlier.production_environment &&
        earlier.statuses.at(-1)?.state === "success"
      )
        add(earlier, { state: "inactive" });
  return { status: 201, body: deploymentStatusObject(status, world.app) };
}
