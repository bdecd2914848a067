import { appObject, type Permissions } from "./app-identity.ts";
import { GitHubError } from "./github-error.ts";
import { installationObject } from "./installation-object.ts";
import { listAnswer } from "./paging.ts";
import { repositoryObject } from "./repository-object.ts";
import type { Answer, Route, RouteContext } from "./router.ts";
import { repositoriesOf, type World } from "./world.ts";

/** The App itself, its installations and their tokens. */
export const appRoutes: Route[] = [
  { method: "GET", path: "/app", auth: "app", handle: theApp },
  { method: "GET", path: "/app/installations", auth: "app", handle: installations },
  { method: "GET", path: "/app/installations/{id}", auth: "app", handle: installation },
  {
    method: "GET",
    path: "/repos/{owner}/{repo}/installation",
    auth: "app",
    handle: installationOfRepository,
  },
  { method: "GET", path: "/orgs/{org}/installation", auth: "app", handle: installationOfOwner },
  { method: "GET", path: "/users/{org}/installation", auth: "app", handle: installationOfOwner },
  { method: "POST", path: "/app/installations/{id}/access_tokens", auth: "app", handle: createToken },
];

function theApp({ world }: RouteContext): Answer {
  return { status: 200, body: { ...appObject(world.app), installations_count: owners(world).size } };
}

function installations(context: RouteContext): Answer {
  const { world } = context;
  return listAnswer(
    context,
    [...owners(world)].map(([id, owner]) => installationObject(world.app, id, owner)),
  );
}

function installation({ world, params }: RouteContext): Answer {
  return answerInstallation(world, Number(params.id));
}

function installationOfRepository({ world, repository }: RouteContext): Answer {
  return answerInstallation(world, repository.installation_id);
}

function installationOfOwner({ world, params }: RouteContext): Answer {
  const found = [...owners(world)].find(([, owner]) => owner.toLowerCase() === params.org?.toLowerCase());
  return answerInstallation(world, found?.[0] ?? null);
}

function createToken({ world, params, body }: RouteContext): Answer {
  const installationId = Number(params.id);
  const reachable = repositoriesOf(world, installationId);
  if (reachable.length === 0) throw new GitHubError(404, "Not Found");
  const names = body.repositories as string[] | undefined;
  const ids = body.repository_ids as number[] | undefined;
  const selected = reachable.filter(
    ({ name, id }) => (names?.includes(name) ?? true) && (ids?.includes(id) ?? true),
  );
  if (selected.length < Math.max(names?.length ?? 0, ids?.length ?? 0))
    throw new GitHubError(
      422,
      "There is at least one repository that does not exist or is not accessible to the parent installation.",
    );
  const asked = body.permissions as Permissions | undefined;
  for (const [name, access] of Object.entries(asked ?? {})) {
    const held = world.app.permissions[name];
    if (!held || (access === "write" && held !== "write"))
      throw new GitHubError(422, "The permissions requested are not granted to this installation.");
  }
  // Every token may read metadata, whatever it asked for.
  const permissions: Permissions = { metadata: "read", ...(asked ?? world.app.permissions) };
  const limited = names !== undefined || ids !== undefined;
  const token = world.tokens.issue(
    {
      kind: "installation",
      installationId,
      permissions,
      ...(limited && { repositories: selected.map(({ full_name }) => full_name) }),
    },
    world.clock.now(),
  );
  return {
    status: 201,
    body: {
      token: token.value,
      expires_at: `${new Date(token.expiresAt).toISOString().slice(0, 19)}Z`,
      permissions,
      repository_selection: "selected",
      ...(limited && { repositories: selected.map(repositoryObject) }),
    },
  };
}

function answerInstallation(world: World, id: number | null): Answer {
  const owner = id === null ? undefined : owners(world).get(id);
  if (id === null || owner === undefined) throw new GitHubError(404, "Not Found");
  return { status: 200, body: installationObject(world.app, id, owner) };
}

/** Installation id → account. */
function owners(world: World): Map<number, string> {
  const found = new Map<number, string>();
  for (const { installation_id, owner } of world.repositories.values())
    if (installation_id !== null) found.set(installation_id, owner);
  return found;
}
