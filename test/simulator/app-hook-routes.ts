import { deliveryItem, deliveryObject } from "./delivery-log.ts";
import { GitHubError } from "./github-error.ts";
import { changedConfig, configObject, type Hook } from "./hook.ts";
import { linkTo } from "./paging.ts";
import type { Answer, Route, RouteContext } from "./router.ts";

/** The App's hook: its configuration and its deliveries. */
export const appHookRoutes: Route[] = [
  { method: "GET", path: "/app/hook/config", auth: "app", handle: readConfig },
  { method: "PATCH", path: "/app/hook/config", auth: "app", handle: changeConfig },
  {
    method: "GET",
    path: "/app/hook/deliveries",
    auth: "app",
    handle: (context) => listDeliveries(context, context.world.appHook),
  },
  {
    method: "GET",
    path: "/app/hook/deliveries/{delivery_id}",
    auth: "app",
    handle: (context) => readDelivery(context, context.world.appHook),
  },
  {
    method: "POST",
    path: "/app/hook/deliveries/{delivery_id}/attempts",
    auth: "app",
    handle: (context) => redeliver(context, context.world.appHook),
  },
];

function readConfig({ world }: RouteContext): Answer {
  return { status: 200, body: configObject(world.appHook.config) };
}

function changeConfig({ world, body }: RouteContext): Answer {
  const { appHook } = world;
  appHook.config = changedConfig(appHook.config, body, world.settings.appHookForgetsSecret);
  world.changes.emit("hook", appHook);
  return { status: 200, body: configObject(appHook.config) };
}

/** A page of a hook's deliveries; also for hooks of repositories. */
export function listDeliveries({ world, query, self }: RouteContext, hook: Hook): Answer {
  const { records, nextCursor } = world.deliveries.log.page(hook, query, world.settings.deliveryListLagMs);
  const headers: Record<string, string> = nextCursor
    ? { Link: linkTo(self, query, { cursor: nextCursor }, "next") }
    : {};
  return { status: 200, body: records.map(deliveryItem), headers };
}

/** One delivery with its request and response. */
export function readDelivery({ world, params }: RouteContext, hook: Hook): Answer {
  return { status: 200, body: deliveryObject(deliveryIn(world, params, hook)) };
}

/** Accepts a redelivery; the delivery follows the answer. */
export function redeliver({ world, params }: RouteContext, hook: Hook): Answer {
  const record = deliveryIn(world, params, hook);
  void world.deliveries.redeliver(hook, record);
  return { status: 202, body: {} };
}

function deliveryIn(world: RouteContext["world"], params: Record<string, string>, hook: Hook) {
  const record = world.deliveries.log.find(hook, params.delivery_id ?? "");
  if (!record) throw new GitHubError(404, "Not Found");
  return record;
}
