import { gateFor, readProtection, whyNotByRoute } from "../accept/approval.ts";
import type { Arrival } from "../accept/arrival.ts";
import {
  checkActionRules,
  findTarget,
  type ParsedRequest,
  requestArrival,
} from "../accept/deployment-request.ts";
import type { RepositoryNames } from "../accept/repository-names.ts";
import type { TargetConfig } from "../config/schema.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Store } from "../store/store.ts";
import type { Caller } from "./authenticate.ts";
import type { KnownRuns } from "./known-runs.ts";
import type { JobRights } from "./oidc/job-rights.ts";
import { Refusal } from "./refusal.ts";
import { maySee, type Viewer } from "./viewer.ts";
import { requireManager } from "./viewer-of.ts";

/** Whether the caller is a person, not an Action. */
export function isPerson(caller: Caller): caller is Viewer {
  return caller.kind === "admin" || caller.kind === "person";
}

/** Whether the caller may see the deployments of this repository. */
export async function callerSees(caller: Caller, repository: string, jobs: JobRights): Promise<boolean> {
  switch (caller.kind) {
    case "signed":
      return caller.targets.some((target) => repositoryKey(target.repository) === repositoryKey(repository));
    case "oidc":
      return jobs.isOf(caller.claims, repository);
    default:
      return maySee(caller, repository);
  }
}

/**
 * Checks a caller's rights and turns the request into an arrival for its target.
 * @throws {Refusal} forbidden, 404 or 422 when the request is not allowed or not possible. 503 when GitHub
 * must be asked and is unreachable.
 */
export async function permittedArrival(
  caller: Caller,
  request: ParsedRequest,
  {
    store,
    targets,
    names,
    jobs,
    runs,
  }: {
    store: Pick<Store, "read">;
    targets: readonly TargetConfig[];
    names?: RepositoryNames | undefined;
    jobs: JobRights;
    runs: KnownRuns;
  },
): Promise<Arrival> {
  // Anyone at GitHub has a token, and must not learn which targets exist.
  if (caller.kind === "oidc" && repositoryKey(caller.claims.repository) !== repositoryKey(request.repository))
    throw new Refusal("forbidden", `repository: the token is not of ${request.repository}`);
  // Targets that the caller may not see do not exist for the caller.
  const visible =
    caller.kind === "person" ? targets.filter(({ repository }) => maySee(caller, repository)) : targets;
  const found = findTarget(request, visible, names);
  if (!("target" in found)) throw new Refusal(found.reason, found.problem);
  const { target } = found;
  switch (caller.kind) {
    case "oidc":
      return requireApproval(await jobs.arrival(request, caller.claims, target), caller, target, store);
    case "signed": {
      if (!caller.targets.includes(target))
        throw new Refusal(
          "forbidden",
          `the secret is not that of the target ${target.name} of ${target.repository}`,
        );
      const refused = checkActionRules(request, target);
      if (refused) throw new Refusal("forbidden", refused);
      await runs.require({ ...request, repository: target.repository });
      return requireApproval(requestArrival(request, target), caller, target, store);
    }
    default:
      requireManager(caller, target.repository);
      return requestArrival(request, target, { admin: true });
  }
}

/** How long an Action should wait for GitHub's word on an environment (seconds). */
const RETRY_AFTER_S = 5;

/**
 * Lets an Action's arrival through if the target takes requests of Actions, and its job has the needed approval.
 * @throws {Refusal} forbidden otherwise; unavailable while GitHub has not told whether it protects the environment.
 */
async function requireApproval(
  arrival: Arrival,
  { kind }: Caller,
  target: TargetConfig,
  { read }: Pick<Store, "read">,
): Promise<Arrival> {
  const { name, repository, environment } = target;
  const byRoute = whyNotByRoute(arrival, target);
  if (byRoute !== null) throw new Refusal("forbidden", byRoute, { lacks: "route" });
  const gate = gateFor(arrival, target, await readProtection(read, target));
  if (gate === null) return arrival;
  if (gate === "protection")
    throw new Refusal(
      "unavailable",
      `GitHub has not told yet whether it protects the environment ${environment}; ask again soon, or with the token of a job that names it`,
      { retryAfterS: RETRY_AFTER_S },
    );
  const named =
    arrival.approvedFor === undefined ? "no environment" : `the environment ${arrival.approvedFor}`;
  const [shown, more] =
    kind === "signed"
      ? ["a delivery secret proves no approval", ", and remove the input secret"]
      : [`the job's token names ${named}`, ""];
  throw new Refusal(
    "forbidden",
    `only an approved job of the environment ${environment} may deploy ${name} of ${repository}, and ${shown}; ` +
      `give the job the lines "environment: ${environment}" and "permissions: { id-token: write }"${more}`,
    { lacks: "approval" },
  );
}
