import { actorOf, type DeploymentRecord, deploymentObject } from "./deployment-object.ts";
import { GitHubError, validationFailed } from "./github-error.ts";
import { listAnswer } from "./paging.ts";
import type { Answer, Route, RouteContext } from "./router.ts";
import { sendDeploymentEvent } from "./send-deployment-event.ts";
import { isoSeconds } from "./stable-values.ts";
import type { RepositoryRecord } from "./world.ts";

const COLLECTION = "/repos/{owner}/{repo}/deployments";

/** GitHub Deployments. */
export const deploymentRoutes: Route[] = [
  { method: "GET", path: COLLECTION, auth: "token", permission: ["deployments", "read"], handle: list },
  { method: "POST", path: COLLECTION, auth: "token", permission: ["deployments", "write"], handle: create },
  {
    method: "GET",
    path: `${COLLECTION}/{deployment_id}`,
    auth: "token",
    permission: ["deployments", "read"],
    handle: ({ world, repository, params }) => ({
      status: 200,
      body: deploymentObject(deploymentIn(repository, params), world.app),
    }),
  },
];

function list(context: RouteContext): Answer {
  const { world, repository, query } = context;
  const found = repository.deployments.filter((deployment) =>
    (["sha", "ref", "task", "environment"] as const).every((field) => {
      const wanted = query.get(field);
      return wanted === null || wanted === "none" || wanted === deployment[field];
    }),
  );
  return listAnswer(
    context,
    found.toReversed().map((deployment) => deploymentObject(deployment, world.app)),
  );
}

function create({ world, repository, body, caller }: RouteContext): Answer {
  const { ref } = body;
  if (typeof ref !== "string" || ref === "") throw validationFailed("Deployment", "ref", "ref is required");
  if (typeof body.description === "string" && body.description.length > 140)
    throw validationFailed(
      "Deployment",
      "description",
      "description is too long (maximum is 140 characters)",
    );
  const sha = commitOf(repository, ref);
  if (!sha) throw new GitHubError(422, `No ref found for: ${ref}`);
  // The defaults are a trap: they merge the default branch and require every check.
  if (body.auto_merge !== false)
    throw new GitHubError(409, `Conflict merging ${repository.default_branch} into ${ref}`);
  const contexts = body.required_contexts;
  if (!Array.isArray(contexts) || contexts.length > 0)
    throw new GitHubError(409, `Conflict: Commit status checks failed for ${ref}.`, {
      errors: [
        { contexts: [{ context: "deploy", state: "pending" }], resource: "Deployment", code: "invalid" },
      ],
    });

  const environment = textOr(body.environment, "production");
  const now = isoSeconds(world.clock.now());
  const deployment: DeploymentRecord = {
    id: world.nextId(),
    repository: repository.full_name,
    sha,
    ref,
    task: textOr(body.task, "deploy"),
    payload: body.payload ?? {},
    original_environment: environment,
    environment,
    description: typeof body.description === "string" ? body.description : null,
    transient_environment: body.transient_environment === true,
    production_environment:
      typeof body.production_environment === "boolean"
        ? body.production_environment
        : environment === "production",
    created_at: now,
    updated_at: now,
    by: actorOf(caller),
    statuses: [],
  };
  repository.deployments.push(deployment);
  world.changes.emit("deployment", deployment);
  sendDeploymentEvent(world, repository, deployment, caller);
  return { status: 201, body: deploymentObject(deployment, world.app) };
}

/** @throws {GitHubError} 404 */
export function deploymentIn(repository: RepositoryRecord, params: Record<string, string>): DeploymentRecord {
  const found = repository.deployments.find(({ id }) => String(id) === params.deployment_id);
  if (!found) throw new GitHubError(404, "Not Found");
  return found;
}

function commitOf(repository: RepositoryRecord, ref: string): string | undefined {
  // Git's notation for no commit.
  if (/^0{40}$/.test(ref)) return undefined;
  if (/^[0-9a-f]{40}$/.test(ref)) return ref;
  return repository.branches.get(ref.replace(/^refs\/heads\//, ""));
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === "string" && value !== "" ? value : otherwise;
}
