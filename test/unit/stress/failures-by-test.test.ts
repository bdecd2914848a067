import { expect, it } from "vitest";
import { failuresByTest, type Round } from "../../stress/rounds.ts";

const round = (seed: number, ...failed: string[]): Round => ({
  seed,
  failed,
  passed: 1,
  seconds: 1,
  log: "",
});

it("what failed is told by test, with the seeds, the most frequent first", () => {
  expect(failuresByTest([round(7, "a"), round(8), round(9, "a", "b"), round(10, "b", "a")])).toEqual([
    { test: "a", seeds: [7, 9, 10] },
    { test: "b", seeds: [9, 10] },
  ]);
});

it("rounds in which all passed tell nothing", () => {
  expect(failuresByTest([round(7), round(8)])).toEqual([]);
});
