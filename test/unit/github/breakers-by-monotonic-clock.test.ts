import { BrokenCircuitError, CircuitState, circuitBreaker, handleAll } from "cockatiel";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Breakers, FAILURE_THRESHOLD, OPEN_MS } from "../../../action/ask/breakers.ts";
import type { Endpoint } from "../../../action/input/endpoints.ts";
import { QuietBreaker } from "../../../app/github/quiet-breaker.ts";
import { monotonicPause } from "../../../shared/monotonic-pause.ts";
import { endpointsNamed, knownDeployment, refusal } from "../../helpers/action/step-report.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";

const HOUR_MS = 3_600_000;
const [primary] = endpointsNamed(1) as [Endpoint];
const told = { kind: "deployment", status: 200, deployment: knownDeployment() } as const;

// Cockatiel asks Date for the time: the tests set the wall clock, and nothing else.
beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
afterEach(() => void vi.useRealTimers());
const setWallClock = (byMs: number) => vi.setSystemTime(Date.now() + byMs);

/** GitHub's breaker as the outbox has it, opened by a failure. */
async function opened() {
  const clock = new ManualClock();
  const policy = circuitBreaker(handleAll, {
    halfOpenAfter: monotonicPause(60_000, () => clock.monotonic()),
    breaker: new QuietBreaker({ failures: 1, quietMs: 300_000, clock }),
  });
  const call = (ok = true) =>
    policy
      .execute(() => (ok ? "fine" : Promise.reject(new Error("GitHub is down"))))
      .catch((error: Error) => error);
  await call(false);
  expect(policy.state).toBe(CircuitState.Open);
  return { clock, call };
}

test("GitHub is called again after the breaker's time although the wall clock went back an hour", async () => {
  const { clock, call } = await opened();
  setWallClock(-HOUR_MS);
  clock.ms += 59_999;
  expect(await call()).toBeInstanceOf(BrokenCircuitError);
  clock.ms += 1;
  expect(await call()).toBe("fine");
});

test("GitHub is left alone for the breaker's time although the wall clock went forward an hour", async () => {
  const { call } = await opened();
  setWallClock(HOUR_MS);
  expect(await call()).toBeInstanceOf(BrokenCircuitError);
});

test("after another failure GitHub is left alone for the same time again", async () => {
  const { clock, call } = await opened();
  clock.ms += 60_000;
  expect(await call(false)).toMatchObject({ message: "GitHub is down" });
  clock.ms += 59_999;
  expect(await call()).toBeInstanceOf(BrokenCircuitError);
  clock.ms += 1;
  expect(await call()).toBe("fine");
});

test("the Action asks a route again after the breaker's time although the runner's clock went back", async () => {
  let at = 1_000;
  const breakers = new Breakers(() => at);
  for (let time = 0; time < FAILURE_THRESHOLD; time += 1)
    await breakers.call(primary, async () => refusal({ kind: "transient" }));
  expect(breakers.openUntil(primary)).toBe(at + OPEN_MS);
  setWallClock(-HOUR_MS);
  expect(await breakers.call(primary, async () => told)).toBeNull();
  at += OPEN_MS;
  expect(await breakers.call(primary, async () => told)).toBe(told);
});
