import { expect, test } from "vitest";
import { healthChecks, healthRoutes } from "../../../app/http/health-routes.ts";
import type { Store } from "../../../app/store/store.ts";
import { SleepersClock } from "../../helpers/sleepers-clock.ts";

function setup() {
  const clock = new SleepersClock();
  const checks = healthChecks({ store: {} as Store, instance: "primary", draining: () => false });
  const routes = healthRoutes(checks, clock);
  return { clock, routes };
}

test("the answer to /livez waits as long as it is asked to, so that a proxy's patience can be measured", async () => {
  const { clock, routes } = setup();
  const answer = Promise.resolve(routes.request("/livez?wait=25"));
  expect(await clock.asleep()).toBe(25_000);
  clock.advance(25_000);
  expect((await answer).status).toBe(200);
});

test("a client that goes ends the wait", async () => {
  const { clock, routes } = setup();
  const client = new AbortController();
  const answer = Promise.resolve(routes.request("/livez?wait=25", { signal: client.signal }));
  await clock.asleep();
  client.abort();
  expect((await answer).status).toBe(200);
});
