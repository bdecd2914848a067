import { accountObject } from "./account-object.ts";
import { repositoriesOfCaller } from "./caller.ts";
import { GitHubError } from "./github-error.ts";
import { pageOf } from "./paging.ts";
import { fullRepositoryObject, repositoryObject } from "./repository-object.ts";
import type { Answer, Route, RouteContext } from "./router.ts";
import type { RepositoryRecord } from "./world.ts";

/** Repositories. */
export const repositoryRoutes: Route[] = [
  { method: "GET", path: "/installation/repositories", auth: "token", handle: ofInstallation },
  {
    method: "GET",
    path: "/repos/{owner}/{repo}",
    auth: "token",
    permission: ["metadata", "read"],
    handle: one,
  },
  {
    method: "GET",
    path: "/repos/{owner}/{repo}/collaborators/{username}/permission",
    auth: "token",
    permission: ["metadata", "read"],
    handle: permissionOf,
  },
];

function ofInstallation(context: RouteContext): Answer {
  if (context.caller.kind !== "installation")
    throw new GitHubError(
      403,
      "You must authenticate with an installation access token in order to list repositories.",
    );
  const all = repositoriesOfCaller(context.world, context.caller);
  const { items, headers } = pageOf(context, all);
  const repositories = items.map(repositoryObject);
  return {
    status: 200,
    body: { total_count: all.length, repository_selection: "selected", repositories },
    headers,
  };
}

function one({ repository, caller }: RouteContext): Answer {
  const body = fullRepositoryObject(repository);
  if (caller.kind !== "user") return { status: 200, body };
  return { status: 200, body: { ...body, permissions: rightsOf(repository, caller.login ?? "") } };
}

function permissionOf({ repository, params }: RouteContext): Answer {
  const login = params.username ?? "";
  const held = repository.collaborators.get(login) ?? (repository.private ? "none" : "read");
  const user = { ...accountObject(login), role_name: held, permissions: rightsOf(repository, login) };
  return { status: 200, body: { permission: held, role_name: held, user } };
}

function rightsOf({ collaborators, private: hidden }: RepositoryRecord, login: string) {
  const right = collaborators.get(login);
  const admin = right === "admin";
  const push = admin || right === "write";
  return { admin, maintain: admin, push, triage: push, pull: right !== undefined || !hidden };
}
