import { Hono } from "hono";
import { maySee, visibleRepositories } from "../../auth/viewer.ts";
import { operatorOf, readerOf, type ViewerCredentials } from "../../auth/viewer-of.ts";
import { UNDELIVERED_SCAN } from "../../catch-up/undelivered-events.ts";
import { isoTime } from "../../clock.ts";
import type { Config } from "../../config/load.ts";
import type { Failover } from "../../failover/failover.ts";
import { shownRate } from "../../failover/health-window.ts";
import { isInSync, lastFailover, readSwitchboard, unpin } from "../../failover/switchboard.ts";
import { pending } from "../../queue/pending.ts";
import type { StatusAnswer, SwitchoverAnswer } from "../../reads/answers/status.ts";
import { countVerifications } from "../../reads/count-verifications.ts";
import { listTargets } from "../../reads/list-targets.ts";
import { presentFailover } from "../../reads/present.ts";
import type { Store } from "../../store/store.ts";
import { VERSION } from "../../version.ts";
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
    const [board, last, { waiting, running }, scans, verification, targets] = await Promise.all([
      readSwitchboard(store),
      lastFailover(store),
      pending(store),
      store.read.selectFrom("looks").selectAll().execute(),
      countVerifications(store, visibleRepositories(viewer)),
      listTargets(store, config, (repository, target) => maySee(viewer, repository, target)),
    ]);
    const observed = failover.checker.observe();
    return c.json<StatusAnswer>({
      instance,
      version: VERSION,
      controller: failover.controller.instance,
      active: board?.active ?? null,
      pinned: board?.pinned ?? null,
      mode: config.webhook.mode,
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
      webhook: {
        url: board?.webhook_url ?? null,
        verified_at: isoTime(board?.webhook_verified_at ?? null),
        in_sync: isInSync(board, config),
      },
      last_failover: last ? presentFailover(last) : null,
      // Everyone may see the redundancy; counts of deployments cover only visible repositories.
      queue: {
        queued: waiting
          .filter(({ repositoryKey }) => maySee(viewer, repositoryKey))
          .reduce((sum, { count }) => sum + Number(count), 0),
        running: running.filter(({ repository_key }) => maySee(viewer, repository_key)).length,
      },
      catch_up: {
        last_run_at: isoTime(scans.find(({ name }) => name === UNDELIVERED_SCAN)?.completed_at ?? null),
        // The sum over all scans: of GitHub's delivery log, its runs and its Deployments.
        found: scans.reduce((sum, { found }) => sum + found, 0),
        accepted: scans.reduce((sum, { accepted }) => sum + accepted, 0),
      },
      verification,
      targets,
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
