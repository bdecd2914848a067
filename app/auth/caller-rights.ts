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
import type { Caller } from "./authenticate.ts";
import type { KnownRuns } from "./known-runs.ts";
import type { JobRights } from "./oidc/job-rights.ts";
import { Refusal } from "./refusal.ts";
import { maySee, type Viewer } from "./viewer.ts";
import { requireManager } from "./viewer-of.ts";

/** Whether a person asks, with the rights of a person, and not an Action. */
export function isPerson(caller: Caller): caller is Viewer {
  return caller.kind === "admin" || caller.kind === "person";
}

/** Whether the caller may know of the deployments of this repository. */
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
 * A caller's request as an arrival for the target that it means.
 * @throws {Refusal} forbidden, 404 or 422 when the caller may not ask for it, or nobody can; 503 when GitHub must be
 * asked and is away.
 */
export async function permittedArrival(
  caller: Caller,
  request: ParsedRequest,
  {
    targets,
    names,
    jobs,
    runs,
  }: {
    targets: readonly TargetConfig[];
    names?: RepositoryNames | undefined;
    jobs: JobRights;
    runs: KnownRuns;
  },
): Promise<Arrival> {
  // Anyone at GitHub has a token, and is not to learn which targets there are.
  if (caller.kind === "oidc" && repositoryKey(caller.claims.repository) !== repositoryKey(request.repository))
    throw new Refusal("forbidden", `repository: the token is not of ${request.repository}`);
  // What someone may not see does not exist for them.
  const visible =
    caller.kind === "person" ? targets.filter(({ repository }) => maySee(caller, repository)) : targets;
  const found = findTarget(request, visible, names);
  if (!("target" in found)) throw new Refusal(found.reason, found.problem);
  const { target } = found;
  switch (caller.kind) {
    case "oidc":
      return jobs.arrival(request, caller.claims, target);
    case "signed": {
      if (!caller.targets.includes(target))
        throw new Refusal(
          "forbidden",
          `the secret is not that of the target ${target.name} of ${target.repository}`,
        );
      const refused = checkActionRules(request, target);
      if (refused) throw new Refusal("forbidden", refused);
      await runs.require({ ...request, repository: target.repository });
      return requestArrival(request, target);
    }
    default:
      requireManager(caller, target.repository);
      return requestArrival(request, target, { admin: true });
  }
}
