import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffDelay } from "../../../shared/backoff.ts";

test("the ceiling doubles with every round until it reaches the cap", () => {
  const ceilings = [1, 2, 3, 4, 5, 6, 7, 100].map((round) =>
    backoffDelay(round, { baseMs: 1_000, maxMs: 32_000, random: () => 1 }),
  );
  expect(ceilings).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 32_000, 32_000]);
});

test("the pause is any share of the ceiling, and never above the cap", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2_000 }),
      fc.integer({ min: 10, max: 5_000 }),
      fc.integer({ min: 5_000, max: 60_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (round, baseMs, maxMs, share) => {
        const pause = backoffDelay(round, { baseMs, maxMs, random: () => share });
        expect(pause).toBeGreaterThanOrEqual(0);
        expect(pause).toBeLessThanOrEqual(maxMs);
      },
    ),
  );
  expect(backoffDelay(3, { baseMs: 1_000, maxMs: 32_000, random: () => 0 })).toBe(0);
  expect(backoffDelay(3, { baseMs: 1_000, maxMs: 32_000, random: () => 0.5 })).toBe(2_000);
});

test("without jitter it is the ceiling, which grows as fast as was asked", () => {
  const options = { baseMs: 10, maxMs: 250, multiplier: 3, jitter: false };
  expect([1, 2, 3, 4, 900].map((attempt) => backoffDelay(attempt, options))).toEqual([10, 30, 90, 250, 250]);
});
