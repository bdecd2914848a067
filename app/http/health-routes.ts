import type { ServerResponse } from "node:http";
import { Hono } from "hono";
import type { Clock } from "../clock.ts";
import type { HealthAnswer } from "../reads/answers/health.ts";
import type { Store } from "../store/store.ts";
import { MAX_WAIT_S, wholeNumber } from "./list-query.ts";

/** How long a readiness check may take: less than `failover.health_check_timeout`. */
export const PROBE_LIMIT_MS = 400;

/** Where an instance is asked whether it is live, and whether it is ready. */
export const LIVENESS_PATH = "/livez";
export const READINESS_PATH = "/readyz";

/** Answers a health check: never with an error. */
export type HealthCheck = () => Promise<{ body: HealthAnswer; status: 200 | 503 }>;

/**
 * The health checks by their paths. `/livez`: this process answers. `/readyz`: this instance can commit right now,
 * whether or not GitHub is reachable.
 */
export function healthChecks(options: {
  store: Store;
  instance: string;
  draining: () => boolean;
}): ReadonlyMap<string, HealthCheck> {
  const { store, instance, draining } = options;
  let probing: Promise<void> | undefined;

  const readiness: HealthCheck = async () => {
    if (draining()) return { body: { instance, status: "shutting down" }, status: 503 };
    // Checks at the same time share one answer.
    probing ??= store.probe(PROBE_LIMIT_MS).finally(() => {
      probing = undefined;
    });
    try {
      await probing;
      return { body: { instance, status: "ready" }, status: 200 };
    } catch (error) {
      return { body: { instance, status: "not ready", detail: (error as Error).message }, status: 503 };
    }
  };
  return new Map<string, HealthCheck>([
    [LIVENESS_PATH, async () => ({ body: { instance, status: "live" }, status: 200 })],
    [READINESS_PATH, readiness],
  ]);
}

/**
 * The same checks as routes of the framework, for requests other than a plain `GET`. With `wait` the answer comes after
 * so many seconds, as the slowest answers do: `doctor` measures the time limits of proxies by it.
 */
export function healthRoutes(checks: ReadonlyMap<string, HealthCheck>, clock: Clock): Hono {
  const routes = new Hono();
  for (const [path, check] of checks)
    routes.get(path, async (c) => {
      const wait = wholeNumber(c.req.query("wait"), { name: "wait", min: 0, max: MAX_WAIT_S, missing: 0 });
      // Nobody hears the answer when the client is gone.
      if (wait > 0) await clock.sleep(wait * 1_000, c.req.raw.signal).catch(() => {});
      const { body, status } = await check();
      return c.json(body, status);
    });
  return routes;
}

/** Answers without the framework, which costs several times as much: instances ask each other all day. */
export async function answerHealth(check: HealthCheck, response: ServerResponse): Promise<void> {
  const { body, status } = await check();
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}
