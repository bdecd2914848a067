import { expect, it } from "vitest";
import { WakeLoop } from "../../app/wake-loop.ts";
import { SleepersClock } from "../helpers/sleepers-clock.ts";

/** A loop whose steps a test ends: each takes the next outcome, a pause or an error. */
function scene() {
  const clock = new SleepersClock();
  const steps: { at: number; end: PromiseWithResolvers<number | null> }[] = [];
  const troubles: string[] = [];
  let begun = Promise.withResolvers<void>();
  const loop = new WakeLoop({
    step: () => {
      const end = Promise.withResolvers<number | null>();
      steps.push({ at: clock.monotonic(), end });
      begun.resolve();
      begun = Promise.withResolvers();
      return end.promise;
    },
    clock,
    retryMs: 5_000,
    onTrouble: ({ message }) => void troubles.push(message),
  });
  return {
    ...{ clock, steps, troubles, loop },
    /** Wakes it, and resolves once the first step has begun. */
    async begin() {
      const first = begun.promise;
      loop.wake();
      await first;
    },
    /** Ends the last step, and resolves once another one has begun. */
    async next(outcome: number | null | Error) {
      const another = begun.promise;
      const { end } = steps.at(-1) as (typeof steps)[number];
      if (outcome instanceof Error) end.reject(outcome);
      else end.resolve(outcome);
      await another;
    },
  };
}

it("steps at each wake-up, and once more for all wake-ups during a step", async () => {
  const { loop, steps, begin, next } = scene();
  await begin();
  for (let times = 0; times < 5; times++) loop.wake();
  expect(steps).toHaveLength(1);
  await next(null);
  expect(steps).toHaveLength(2);
});

it("steps again when the pause of a step is over", async () => {
  const { begin, clock, steps, next } = scene();
  await begin();
  const stepped = next(60_000);
  clock.advance(await clock.asleep());
  await stepped;
  expect(steps.map(({ at }) => at)).toEqual([0, 60_000]);
});

it("steps at the earlier of two times", async () => {
  const { loop, clock, steps } = scene();
  loop.wakeIn(10_000);
  loop.wakeIn(2_000);
  loop.wakeIn(5_000);
  clock.advance(await clock.asleep());
  await expect.poll(() => steps.map(({ at }) => at)).toEqual([2_000]);
});

it("steps again after a failure, and tells a failure that repeats itself once", async () => {
  const { begin, clock, steps, troubles, next } = scene();
  await begin();
  for (const message of ["locked", "locked", "full"]) {
    const stepped = next(new Error(message));
    clock.advance(await clock.asleep());
    await stepped;
  }
  expect(steps.map(({ at }) => at)).toEqual([0, 5_000, 10_000, 15_000]);
  expect(troubles).toEqual(["locked", "full"]);
});

it("tells a failure again that comes back after a success", async () => {
  const { begin, clock, troubles, next } = scene();
  await begin();
  for (const outcome of [new Error("locked"), 1_000, new Error("locked")]) {
    const stepped = next(outcome);
    clock.advance(await clock.asleep());
    await stepped;
  }
  expect(troubles).toEqual(["locked", "locked"]);
});

it("steps no more once it is closed, and is closed when its step is done", async () => {
  const { loop, begin, steps } = scene();
  await begin();
  loop.wake();
  const closed = loop.close();
  steps[0]?.end.resolve(1_000);
  await closed;
  loop.wake();
  loop.wakeIn(0);
  expect(steps).toHaveLength(1);
});
