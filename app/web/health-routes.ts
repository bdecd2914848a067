import { Hono } from "hono";
import type { Store } from "../store/store.ts";
import type { HealthAnswer } from "./answers/health.ts";

/** How long a check of readiness may take: below `failover.health_check_timeout`. */
export const PROBE_LIMIT_MS = 400;

/** Where an instance is asked whether it is ready. */
export const READINESS_PATH = "/readyz";

/** `/livez`: this process answers. `/readyz`: it can commit right now; GitHub being away does not matter. */
export function healthRoutes(options: { store: Store; instance: string; draining: () => boolean }): Hono {
  const { store, instance, draining } = options;
  const routes = new Hono();
  let probing: Promise<void> | undefined;

  routes.get("/livez", (c) => c.json<HealthAnswer>({ instance, status: "live" }));

  routes.get(READINESS_PATH, async (c) => {
    if (draining()) return c.json<HealthAnswer>({ instance, status: "shutting down" }, 503);
    // Checks that come together share one answer.
    probing ??= store.probe(PROBE_LIMIT_MS).finally(() => {
      probing = undefined;
    });
    try {
      await probing;
      return c.json<HealthAnswer>({ instance, status: "ready" });
    } catch (error) {
      return c.json<HealthAnswer>({ instance, status: "not ready", detail: (error as Error).message }, 503);
    }
  });

  return routes;
}
