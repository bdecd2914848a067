import { Hono } from "hono";
import { sameText } from "../auth/same-text.ts";
import { inspectorOf, type ViewerCredentials } from "../auth/viewer-of.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { StateGauges } from "../metrics/state-gauges.ts";

/** `/metrics`, for Prometheus: for the admin token, or a token that allows nothing else. */
export function metricsRoutes(options: {
  metrics: Metrics;
  state: StateGauges;
  credentials: ViewerCredentials;
  metricsToken: string | null;
}): Hono {
  const { metrics, state, credentials, metricsToken } = options;
  const routes = new Hono();

  routes.get("/metrics", async (c) => {
    const bearer = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1] ?? "";
    if (metricsToken === null || !sameText(bearer, metricsToken)) await inspectorOf(c, credentials);
    await state.refresh();
    return c.body(await metrics.text(), 200, {
      "content-type": metrics.registry.contentType,
      "cache-control": "no-store",
    });
  });

  return routes;
}
