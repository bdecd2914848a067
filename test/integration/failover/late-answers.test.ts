import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../../app/clock.ts";
import { configSchema } from "../../../app/config/schema.ts";
import { HealthChecker } from "../../../app/failover/health-checker.ts";
import { BY_INSTANCE } from "../../helpers/action/scripted-endpoint.ts";

const { failover } = configSchema.parse({
  instances: [{ name: "primary", url: "http://127.0.0.1:1", listen: "127.0.0.1:1" }],
});
/** One check, and then no other within the test. */
const thresholds = {
  ...failover,
  failover_threshold: 1,
  health_check_interval: 600_000,
  health_check_timeout: 300,
};

/** Checks an endpoint that answers nothing by itself; `mayGoOn` gets the request that waits. */
async function check(mayGoOn: (waiting: ServerResponse | undefined) => boolean) {
  let waiting: ServerResponse | undefined;
  const server = createServer((_, response) => {
    for (const [name, value] of Object.entries(BY_INSTANCE)) response.setHeader(name, value);
    waiting = response;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const asked: string[] = [];
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const checker = new HealthChecker({
    endpoints: [{ name: "primary", url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }],
    thresholds,
    clock: systemClock,
    onChange: () => {},
    onStatus: () => {},
    onChecked: (_, ok) => resolve(ok),
    mayGoOn: (name) => {
      asked.push(name);
      return mayGoOn(waiting);
    },
  });
  onTestFinished(() => checker.close());
  checker.start();
  return { ok: await promise, asked, health: checker.observe()[0]?.health };
}

it("a check without an answer at its limit fails where its endpoint shows no other sign of life", async () => {
  const { ok, asked, health } = await check(() => false);
  expect([ok, asked]).toEqual([false, ["primary"]]);
  expect(health?.reason).toContain("no answer within 300 ms");
});

it("a check that may go on counts the answer that comes after its limit", async () => {
  const { ok } = await check((waiting) => {
    waiting?.writeHead(200).end();
    return true;
  });
  expect(ok).toBe(true);
});

it("a check that may go on for ever ends after three limits", async () => {
  const { ok, asked, health } = await check(() => true);
  expect([ok, asked]).toEqual([false, ["primary", "primary"]]);
  expect(health?.reason).toContain("no answer within 900 ms");
});
