import { Hono } from "hono";
import { HttpProblem } from "./problem.ts";
import type { MountedRoutes } from "./server.ts";

/** Routes whose modules are loaded when the first request comes that no route before them answers. */
export function lazyRoutes(load: () => Promise<readonly MountedRoutes[]>): Hono {
  let loaded: Promise<Hono> | undefined;
  return new Hono().all("*", async (c) => {
    loaded ??= load().then(together);
    return (await loaded).fetch(c.req.raw, c.env);
  });
}

/** The routes as one; what they throw, and what they have not, is for the caller to answer. */
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
