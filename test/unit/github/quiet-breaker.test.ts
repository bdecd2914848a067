import { BrokenCircuitError, circuitBreaker, handleAll } from "cockatiel";
import { expect, test } from "vitest";
import { QuietBreaker } from "../../../app/github/quiet-breaker.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";

function setUp() {
  const clock = new ManualClock();
  const breaker = new QuietBreaker({ failures: 3, quietMs: 1_000, clock });
  const policy = circuitBreaker(handleAll, { halfOpenAfter: 60_000, breaker });
  const call = async (ok: boolean) => {
    const act = () => (ok ? "fine" : Promise.reject(new Error("GitHub is down")));
    return policy.execute(act).catch((error: Error) => error);
  };
  return { clock, call };
}

test("failures in a row open it, whatever the time between them, if it is short", async () => {
  const { clock, call } = setUp();
  for (let i = 0; i < 3; i++) {
    clock.ms += 999;
    expect(await call(false)).toMatchObject({ message: "GitHub is down" });
  }
  expect(await call(true)).toBeInstanceOf(BrokenCircuitError);
});

test("a quiet time after a failure makes those before it count no more", async () => {
  const { clock, call } = setUp();
  for (let i = 0; i < 10; i++) {
    await call(false);
    await call(false);
    clock.ms += 1_001;
  }
  expect(await call(true)).toBe("fine");
});

test("a success makes them count no more, too", async () => {
  const { call } = setUp();
  for (const ok of [false, false, true, false, false]) await call(ok);
  expect(await call(true)).toBe("fine");
});
