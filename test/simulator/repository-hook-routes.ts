import { listDeliveries, readDelivery, redeliver } from "./app-hook-routes.ts";
import { GitHubError, validationFailed } from "./github-error.ts";
import { changedConfig, configObject, type Hook } from "./hook.ts";
import { listAnswer } from "./paging.ts";
import { repositoryObject } from "./repository-object.ts";
import type { Answer, Route, RouteContext } from "./router.ts";
import { isoSeconds } from "./stable-values.ts";
import type { RepositoryRecord } from "./world.ts";

const COLLECTION = "/repos/{owner}/{repo}/hooks";
const ONE = `${COLLECTION}/{hook_id}`;
/** GitHub's limit for one event in one repository. */
const MOST_HOOKS = 20;

const read = { auth: "token", permission: ["repository_hooks", "read"] } as const;
const write = { auth: "token", permission: ["repository_hooks", "write"] } as const;

/** Webhooks of repositories. */
export const repositoryHookRoutes: Route[] = [
  { method: "GET", path: COLLECTION, ...read, handle: list },
  { method: "POST", path: COLLECTION, ...write, handle: create },
  { method: "GET", path: ONE, ...read, handle: (context) => answer(context, hookIn(context)) },
  { method: "PATCH", path: ONE, ...write, handle: change },
  { method: "DELETE", path: ONE, ...write, handle: remove },
  { method: "POST", path: `${ONE}/pings`, ...read, handle: ping },
  { method: "GET", path: `${ONE}/config`, ...read, handle: readConfig },
  { method: "PATCH", path: `${ONE}/config`, ...write, handle: changeConfig },
  {
    method: "GET",
    path: `${ONE}/deliveries`,
    ...read,
    handle: (context) => listDeliveries(context, hookIn(context)),
  },
  {
    method: "GET",
    path: `${ONE}/deliveries/{delivery_id}`,
    ...read,
    handle: (context) => readDelivery(context, hookIn(context)),
  },
  {
    method: "POST",
    path: `${ONE}/deliveries/{delivery_id}/attempts`,
    ...write,
    handle: (context) => redeliver(context, hookIn(context)),
  },
];

function list(context: RouteContext): Answer {
  return listAnswer(
    context,
    context.repository.hooks.map((hook) => hookObject(hook, context.repository)),
  );
}

function create(context: RouteContext): Answer {
  const { world, repository, body } = context;
  const sent = (body.config ?? {}) as Record<string, unknown>;
  if (sent.url === undefined) throw validationFailed("Hook", "url", "url is required");
  const empty = { url: "", content_type: "form", insecure_ssl: "0" } as const;
  const config = changedConfig(empty, sent, false);
  const events = eventsIn(body) ?? ["push"];
  const same = repository.hooks.some(
    (hook) => hook.config.url === config.url && hook.events.some((event) => events.includes(event)),
  );
  if (same) throw validationFailed("Hook", "url", "Hook already exists on this repository");
  for (const event of events)
    if (repository.hooks.filter((hook) => hook.events.includes(event)).length >= MOST_HOOKS)
      throw validationFailed(
        "Hook",
        "base",
        `The "${event}" event cannot have more than ${MOST_HOOKS} hooks`,
      );
  const now = isoSeconds(world.clock.now());
  const hook: Hook = {
    id: world.nextId(),
    kind: "repository",
    targetId: repository.id,
    repository: repository.full_name,
    active: body.active !== false,
    events,
    config,
    created_at: now,
    updated_at: now,
    last_response: { code: null, status: "unused", message: null },
  };
  repository.hooks.push(hook);
  world.changes.emit("hook", hook);
  sendPing(context, hook);
  return { ...answer(context, hook), status: 201 };
}

function change(context: RouteContext): Answer {
  const { world, body } = context;
  const hook = hookIn(context);
  // Here, unlike below /config, a missing secret is removed.
  if (body.config) hook.config = changedConfig(hook.config, body.config as Record<string, unknown>, true);
  if (typeof body.active === "boolean") hook.active = body.active;
  const more = (body.add_events as string[] | undefined) ?? [];
  const fewer = (body.remove_events as string[] | undefined) ?? [];
  const events = [...(eventsIn(body) ?? hook.events), ...more];
  hook.events = [...new Set(events)].filter((event) => !fewer.includes(event));
  hook.updated_at = isoSeconds(world.clock.now());
  world.changes.emit("hook", hook);
  return answer(context, hook);
}

function remove(context: RouteContext): Answer {
  const hook = hookIn(context);
  context.repository.hooks.splice(context.repository.hooks.indexOf(hook), 1);
  context.world.changes.emit("hook", hook);
  return { status: 204 };
}

function ping(context: RouteContext): Answer {
  sendPing(context, hookIn(context));
  return { status: 204 };
}

function readConfig(context: RouteContext): Answer {
  return { status: 200, body: configObject(hookIn(context).config) };
}

function changeConfig(context: RouteContext): Answer {
  const hook = hookIn(context);
  hook.config = changedConfig(hook.config, context.body, false);
  hook.updated_at = isoSeconds(context.world.clock.now());
  context.world.changes.emit("hook", hook);
  return { status: 200, body: configObject(hook.config) };
}

function sendPing({ world, repository }: RouteContext, hook: Hook): void {
  const payload = {
    zen: "Keep it logically awesome.",
    hook_id: hook.id,
    hook: hookObject(hook, repository),
    repository: repositoryObject(repository),
  };
  void world.deliveries.send([hook], "ping", payload);
}

function hookIn({ repository, params }: RouteContext): Hook {
  const hook = repository.hooks.find(({ id }) => String(id) === params.hook_id);
  if (!hook) throw new GitHubError(404, "Not Found");
  return hook;
}

function answer({ repository }: RouteContext, hook: Hook): Answer {
  return { status: 200, body: hookObject(hook, repository) };
}

function eventsIn(body: Record<string, unknown>): string[] | undefined {
  return Array.isArray(body.events) && body.events.length > 0 ? body.events.map(String) : undefined;
}

function hookObject(hook: Hook, repository: RepositoryRecord) {
  const url = `https://api.github.com/repos/${repository.full_name}/hooks/${hook.id}`;
  return {
    type: "Repository",
    id: hook.id,
    name: "web",
    active: hook.active,
    events: hook.events,
    config: configObject(hook.config),
    updated_at: hook.updated_at,
    created_at: hook.created_at,
    url,
    test_url: `${url}/test`,
    ping_url: `${url}/pings`,
    deliveries_url: `${url}/deliveries`,
    last_response: hook.last_response,
  };
}
