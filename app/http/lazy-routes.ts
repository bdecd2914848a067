import { Hono } from "hono";
import { HttpProblem } from "./problem.ts";
import type { MountedRoutes } from "./server.ts";

/** Loads the modules of these routes at the first request that no earlier route answers. */
export function lazyRoutes(load: () => Promise<readonly MountedRoutes[]>): Hono {
  let loaded: Promise<Hono> | undefined;
  return new Hono().all("*", async (c) => {
    loaded ??= load().then(together);
    return (await loaded).fetch(c.req.raw, c.env);
  });
}

/** Combines the routes into one; the caller handles their errors and unknown addresses. */
function together(all: readonly MountedRoutes[]): Hono {
  const routes = new Hono();
  for (const [path, mounted] of all) routes.route(path, mounted);
  routes.notFound(() => {
    throw new HttpProblem(404, "there is nothing at this address");
  });
  routes.onError((error) => {
    throw error;
  });
  return routes;
}
