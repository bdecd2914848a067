import { Hono } from "hono";
import { operatorOf, readerOf, type ViewerCredentials } from "../../auth/viewer-of.ts";
import { UNDELIVERED_SCAN } from "../../catch-up/undelivered-events.ts";
import { isoTime } from "../../clock.ts";
import type { Config } from "../../config/load.ts";
import type { Failover } from "../../failover/failover.ts";
import { shownRate } from "../../failover/health-window.ts";
import { unpin } from "../../failover/switchboard.ts";
import type { StatusAnswer, SwitchoverAnswer } from "../../reads/answers/status.ts";
import { readStatus } from "../../reads/read-status.ts";
import type { Store } from "../../store/store.ts";
import type { Audit } from "../audit.ts";
import { HttpProblem } from "../problem.ts";
import { switchOver } from "./switch-over.ts";
import { switchoverRequest } from "./switchover-request.ts";

export interface StatusRoutesOptions {
  config: Config;
  instance: string;
  store: Store;
  failover: Failover;
  credentials: ViewerCredentials;
  audit: Audit;
}

/** `/api/status` and `/api/switchover`: shows the state of the redundancy, and lets people switch over. */
export function statusRoutes({
  config,
  instance,
  store,
  failover,
  credentials,
  audit,
}: StatusRoutesOptions): Hono {
  const routes = new Hono();

  routes.get("/status", async (c) => {
    const viewer = await readerOf(c, credentials);
    const { parts, scans, counts } = await readStatus(store, config, viewer);
    const observed = failover.checker.observe();
    return c.json<StatusAnswer>({
      instance,
      ...parts,
      controller: failover.controller.instance,
      endpoints: config.instances.map(({ name, url }, priority) => {
        const seen = observed.find((endpoint) => endpoint.name === name);
        const health = seen?.health;
        return {
          name,
          url,
          priority,
          // An endpoint that was never seen up cannot be relied on.
          status: health === undefined || health.status === "unknown" ? "unhealthy" : health.status,
          reason: health?.reason ?? null,
          seen_by: failover.seenBy(name),
          last_health_check: isoTime(seen?.checkedAt ?? null),
          consecutive_failures: health?.consecutiveFailures ?? 0,
          consecutive_successes: health?.consecutiveSuccesses ?? 0,
          avg_response_time_ms: round(health?.averageMs),
          p95_response_time_ms: round(health?.p95Ms),
          success_rate: health?.successRate == null ? null : shownRate(health.successRate),
        };
      }),
      catch_up: {
        last_run_at: isoTime(scans.find(({ name }) => name === UNDELIVERED_SCAN)?.completed_at ?? null),
        ...counts,
      },
    });
  });

  routes.post("/switchover", async (c) => {
    const viewer = await operatorOf(c, credentials);
    const parsed = switchoverRequest.safeParse(await c.req.json().catch(() => undefined));
    if (!parsed.success)
      throw new HttpProblem(400, 'expected {"to": "NAME OF AN INSTANCE", "reason": "…"} as JSON');
    const { to, reason = null, force = false } = parsed.data;
    await audit.run(viewer, "switchover", to, async () => {
      await switchOver({ config, store, failover }, { to, reason, force });
      return `${to} is to be the active one`;
    });
    return c.json<SwitchoverAnswer>({ pinned: to, reason }, 202);
  });

  routes.delete("/switchover", async (c) => {
    await audit.run(await operatorOf(c, credentials), "recovery", null, async () => {
      await unpin(store);
      return "no instance is pinned any more";
    });
    return c.json<SwitchoverAnswer>({ pinned: null, reason: null }, 202);
  });

  return routes;
}

function round(value: number | null | undefined): number | null {
  return value == null ? null : Math.round(value * 10) / 10;
}
