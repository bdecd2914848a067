import { expect, test } from "vitest";
import { Breakers } from "../../../action/ask/breakers.ts";
import { EndpointAvailability } from "../../../action/ask/endpoint-availability.ts";
import type { Endpoint } from "../../../action/input/endpoints.ts";
import { endpointsNamed, knownDeployment, refusal } from "../../helpers/action/step-report.ts";

const [primary, backup] = endpointsNamed(2) as [Endpoint, Endpoint];
const told = { kind: "deployment", status: 200, deployment: knownDeployment() } as const;

test("an endpoint that asked for time is asked after the pause, even if its timer fires a millisecond early", async () => {
  let at = 1_000;
  const availability = new EndpointAvailability(new Breakers(() => at), () => at);
  await availability.call(primary, async () => refusal({ retryAfterMs: 100 }));
  expect(await availability.call(primary, () => Promise.reject(new Error("asked")))).toBeNull();
  at += (availability.msUntilNext([primary]) ?? 0) - 1;
  expect(await availability.call(primary, async () => told)).toBe(told);
});

test("no pause helps once every endpoint has refused for good", async () => {
  const availability = new EndpointAvailability(new Breakers(() => 1_000), () => 1_000);
  await availability.call(primary, async () => refusal({ kind: "permanent" }));
  expect(await availability.call(primary, () => Promise.reject(new Error("asked")))).toBeNull();
  expect(availability.msUntilNext([primary, backup])).toBeLessThan(0);
  expect(availability.msUntilNext([primary])).toBeNull();
});
