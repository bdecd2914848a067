import { Hono } from "hono";
import type { Clock } from "../clock.ts";
import type { HealthAnswer } from "../reads/answers/health.ts";
import type { Store } from "../store/store.ts";
import { MAX_WAIT_S, wholeNumber } from "./list-query.ts";

/** How long a readiness check may take: less than `failover.health_check_timeout`. */
export const PROBE_LIMIT_MS = 400;

/** Where an instance is asked whether it is ready. */
export const READINESS_PATH = "/readyz";

/**
 * `/livez`: this process answers; with `wait`, after so many seconds, as the slowest answers do. `/readyz`: this instance can commit right now, whether or not GitHub is
 * reachable.
 */
export function healthRoutes(options: {
  store: Store;
  clock: Clock;
  instance: string;
  draining: () => boolean;
}): Hono {
  const { store, clock, instance, draining } = options;
  const routes = new Hono();
  let probing: Promise<void> | undefined;

  routes.get("/livez", async (c) => {
    const wait = wholeNumber(c.req.query("wait"), { name: "wait", min: 0, max: MAX_WAIT_S, missing: 0 });
    // Nobody hears the answer when the client is gone.
    if (wait > 0) await clock.sleep(wait * 1_000, c.req.raw.signal).catch(() => {});
    return c.json<HealthAnswer>({ instance, status: "live" });
  });

  routes.get(READINESS_PATH, async (c) => {
    if (draining()) return c.json<HealthAnswer>({ instance, status: "shutting down" }, 503);
    // Checks at the same time share one answer.
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
