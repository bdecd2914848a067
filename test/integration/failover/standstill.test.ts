import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { configSchema } from "../../../app/config/schema.ts";
import { HealthChecker } from "../../../app/failover/health-checker.ts";
import { BY_INSTANCE } from "../../helpers/action/scripted-endpoint.ts";
import { eventually } from "../../helpers/eventually.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";

const { failover } = configSchema.parse({
  instances: [{ name: "primary", url: "http://127.0.0.1:1", listen: "127.0.0.1:1" }],
});
/** Short, so that many checks are begun soon; how long a check takes is measured by the clock that the test moves. */
const thresholds = { ...failover, health_check_interval: 10, health_check_timeout: 60_000 };

/** An endpoint that answers its checks as the test wants, and an observer whose clock the test moves. */
async function scene() {
  const clock = new ManualClock();
  const held: ServerResponse[] = [];
  const behaviour: { holds: boolean; status: number; body: string; headers: Record<string, string> } = {
    ...{ holds: false, status: 200, body: "" },
    headers: BY_INSTANCE,
  };
  const server = createServer((_, response) => {
    for (const [name, value] of Object.entries(behaviour.headers)) response.setHeader(name, value);
    if (behaviour.holds) held.push(response);
    else response.writeHead(behaviour.status).end(behaviour.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const results: boolean[] = [];
  const storeFailures: string[] = [];
  const checker = new HealthChecker({
    endpoints: [{ name: "primary", url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }],
    thresholds,
    clock,
    onChange: () => {},
    onStatus: () => {},
    onChecked: (_, ok) => results.push(ok),
    onStoreFailure: (name) => storeFailures.push(name),
  });
  onTestFinished(() => {
    checker.close();
    server.closeAllConnections();
    server.close();
  });
  const health = () => checker.observe()[0]?.health;
  checker.start();
  await eventually(() => expect(health()?.status).toBe("healthy"));
  /** The observer stands still while these many checks are pending, and then their connections are cut. */
  const standStill = async (checks: number) => {
    behaviour.holds = true;
    await eventually(() => expect(held.length).toBeGreaterThanOrEqual(checks));
    clock.ms += 100_000;
    behaviour.holds = false;
    results.length = 0;
  };
  return { clock, behaviour, held, results, storeFailures, health, standStill };
}

it("checks that were pending while the observer stood still count for nothing", async () => {
  const { held, results, health, standStill } = await scene();
  await standStill(5);
  for (const response of held) response.destroy();
  await eventually(() => expect(results.length).toBeGreaterThanOrEqual(20));
  expect(results).not.toContain(false);
  expect(health()).toMatchObject({ status: "healthy", consecutiveFailures: 0, stale: false });
});

it("answers that lay unread while the observer stood still say nothing of the endpoint's speed", async () => {
  const { held, results, health, standStill } = await scene();
  await standStill(30);
  for (const response of held) response.end();
  await eventually(() => expect(results.length).toBeGreaterThanOrEqual(30));
  expect(health()).toMatchObject({ status: "healthy", averageMs: 0 });
});

it("what was seen before is stale from the moment in which the observer goes on", async () => {
  const { clock, held, health, standStill } = await scene();
  await standStill(1);
  expect(health()).toMatchObject({ status: "healthy", stale: true, consecutiveSuccesses: 0 });
  for (const response of held) response.end();
  await eventually(() => expect(health()).toMatchObject({ stale: false }));
  clock.ms += 400;
  expect(health()).toMatchObject({ stale: false });
});

it("an instance that says that it cannot commit is told from a proxy that refuses for it", async () => {
  const { behaviour, results, storeFailures, health } = await scene();
  Object.assign(behaviour, { status: 503, body: "<html>no server is available</html>", headers: {} });
  await eventually(() => expect(health()).toMatchObject({ status: "unhealthy", storeFails: false }));
  expect(storeFailures).toEqual([]);
  Object.assign(behaviour, {
    body: '{"instance":"primary","status":"not ready","detail":"full"}',
    headers: BY_INSTANCE,
  });
  await eventually(() => expect(storeFailures.length).toBeGreaterThan(0));
  expect(health()).toMatchObject({ status: "unhealthy", storeFails: true });
  expect(results).toContain(false);
});

it("a page that something else answers with 200 does not make an instance healthy", async () => {
  const { behaviour, health } = await scene();
  Object.assign(behaviour, { body: "<html>welcome</html>", headers: {} });
  await eventually(() =>
    expect(health()).toMatchObject({
      status: "unhealthy",
      reason: expect.stringContaining("/readyz answered 200, but not by an instance"),
    }),
  );
});
