import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Breakers, FAILURE_THRESHOLD, OPEN_MS } from "../../../action/ask/breakers.ts";
import type { Endpoint } from "../../../action/input/endpoints.ts";
import { endpointsNamed, knownDeployment, refusal } from "../../helpers/action/step-report.ts";

const [primary, backup] = endpointsNamed(2) as [Endpoint, Endpoint];
const told = { kind: "deployment", status: 200, deployment: knownDeployment() } as const;

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
afterEach(() => void vi.useRealTimers());

async function fail(breakers: Breakers, times: number, kind: "transient" | "permanent" = "transient") {
  for (let time = 0; time < times; time += 1) await breakers.call(primary, async () => refusal({ kind }));
}

test("a route that failed five times in a row is asked no more for a while, and another is", async () => {
  const breakers = new Breakers(Date.now);
  await fail(breakers, FAILURE_THRESHOLD - 1);
  expect(breakers.openUntil(primary)).toBe(0);
  await fail(breakers, 1);
  expect(breakers.openUntil(primary)).toBe(Date.now() + OPEN_MS);
  expect(await breakers.call(primary, () => Promise.reject(new Error("asked")))).toBeNull();
  expect(await breakers.call(backup, async () => told)).toBe(told);
});

test("after that one request decides whether it is asked again", async () => {
  const breakers = new Breakers(Date.now);
  await fail(breakers, FAILURE_THRESHOLD);
  vi.setSystemTime(Date.now() + OPEN_MS);
  await fail(breakers, 1);
  expect(await breakers.call(primary, async () => told)).toBeNull();
  vi.setSystemTime(Date.now() + OPEN_MS);
  expect(await breakers.call(primary, async () => told)).toBe(told);
  expect(breakers.openUntil(primary)).toBe(0);
});

test("only failures in a row count, and only such as may pass", async () => {
  const breakers = new Breakers(Date.now);
  await fail(breakers, FAILURE_THRESHOLD - 1);
  await breakers.call(primary, async () => told);
  await fail(breakers, FAILURE_THRESHOLD - 1);
  await fail(breakers, FAILURE_THRESHOLD, "permanent");
  expect(breakers.openUntil(primary)).toBe(0);
});

test("the end of the step goes through it", async () => {
  const stopped = new Error("stopped");
  await expect(new Breakers(Date.now).call(primary, () => Promise.reject(stopped))).rejects.toBe(stopped);
});
