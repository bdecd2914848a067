import { checkAppJwt } from "./app-jwt.ts";
import { GitHubError } from "./github-error.ts";
import type { Caller, Route } from "./router.ts";
import { type RepositoryRecord, repositoriesOf, type World } from "./world.ts";

/**
 * Identifies the caller by the `Authorization` header.
 * @throws {GitHubError} 401 for anything that GitHub would not accept.
 */
export function identifyCaller(world: World, authorization: string | undefined): Caller {
  if (!authorization) return { kind: "none" };
  const [, scheme = "", credential = ""] = /^(\w+)\s+(.+)$/.exec(authorization) ?? [];
  if (!/^(bearer|token)$/i.test(scheme)) throw badCredentials();
  if (credential.split(".").length === 3) {
    checkAppJwt(credential, world.app, world.clock.now());
    return { kind: "app" };
  }
  const token = world.tokens.find(credential, world.clock.now());
  if (!token) throw badCredentials();
  return token;
}

/**
 * Refuses a kind of caller that may not use this route.
 * @throws {GitHubError} 401 or 403, in GitHub's words.
 */
export function authorizeKind(route: Route, caller: Caller): void {
  if (route.auth === "none") return;
  if (route.auth === "app") {
    if (caller.kind !== "app") throw new GitHubError(401, "A JSON web token could not be decoded");
    return;
  }
  if (caller.kind === "none") throw new GitHubError(401, "Requires authentication");
  if (caller.kind === "app")
    throw new GitHubError(
      403,
      "You must authenticate with an installation access token in order to use this",
    );
}

/**
 * Refuses a token that lacks the route's permission.
 * @throws {GitHubError} 403
 */
export function authorizePermission(route: Route, caller: Caller): void {
  if (!route.permission || !("permissions" in caller) || caller.kind === "user") return;
  const [name, needed] = route.permission;
  const held = caller.permissions[name];
  if (held !== "write" && held !== needed)
    throw new GitHubError(403, "Resource not accessible by integration");
}

/**
 * The repository of this name, if the caller may see it.
 * @throws {GitHubError} 404, also for a repository that the caller may not see.
 */
export function visibleRepository(world: World, caller: Caller, fullName: string): RepositoryRecord {
  const repository = world.repositories.get(fullName.toLowerCase());
  if (!repository) throw new GitHubError(404, "Not Found");
  if (caller.kind === "app" || caller.kind === "none") return repository;
  if (caller.kind === "user") {
    if (repository.private && !repository.collaborators.has(caller.login ?? ""))
      throw new GitHubError(404, "Not Found");
    return repository;
  }
  const reachable =
    caller.installationId === undefined || repository.installation_id === caller.installationId;
  if (!reachable || (caller.repositories && !caller.repositories.includes(repository.full_name)))
    throw new GitHubError(404, "Not Found");
  return repository;
}

/** The repositories of an installation that an installation token may use. */
export function repositoriesOfCaller(world: World, caller: Caller): RepositoryRecord[] {
  if (caller.kind !== "installation" || caller.installationId === undefined) return [];
  return repositoriesOf(world, caller.installationId).filter(
    ({ full_name }) => !caller.repositories || caller.repositories.includes(full_name),
  );
}

function badCredentials() {
  return new GitHubError(401, "Bad credentials");
}
