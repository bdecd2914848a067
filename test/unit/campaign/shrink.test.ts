import fc from "fast-check";
import { expect, test } from "vitest";
import { drawHistory } from "../../campaign/end-to-end/history.ts";
import type { RoundOptions } from "../../campaign/end-to-end/round.ts";
import { leaveOut, shrink } from "../../campaign/end-to-end/shrink.ts";

const ROUND = { seed: 7, lengthMs: 40_000 };
const RULE = "P3: in order";
const MINUTES = 10;
const upTo = (length: number) => Array.from({ length }, (_, index) => index + 1);

/** Stands in for a round: the rule breaks where all of these faults and runs are in the history. */
function brokenBy(faults: readonly number[], runs: readonly number[]) {
  const played: RoundOptions[] = [];
  const play = async (round: RoundOptions) => {
    played.push(round);
    const has = (only: ReadonlySet<number> | undefined, all: readonly number[]) =>
      all.every((one) => only?.has(one) ?? true);
    const isBroken = has(round.only?.faults, faults) && has(round.only?.runs, runs);
    return { violations: isBroken ? [{ rule: RULE, evidence: [] }] : [{ rule: "another", evidence: [] }] };
  };
  return { play, played };
}

test("what is left are the faults and the runs that the violation needs, and the options that play them again", async () => {
  const { play } = brokenBy([2, 5], [3]);
  const { faults, runs, options } = await shrink(ROUND, [RULE], MINUTES, play);
  expect(faults.map(({ number }) => number)).toEqual([2, 5]);
  expect(new Set(runs.map(({ number }) => number))).toEqual(new Set([3]));
  expect(options).toBe("--faults 2,5 --runs 3");
});

test("a violation that needs no fault leaves none, and this is tried first", async () => {
  const { play, played } = brokenBy([], [1, 2]);
  const { faults, options } = await shrink(ROUND, [RULE], MINUTES, play);
  expect(faults).toEqual([]);
  expect(options).toBe("--faults 0 --runs 1,2");
  expect(played[0]?.only?.faults?.size).toBe(0);
});

test("a history that breaks another rule instead is not taken for a shorter one", async () => {
  const play = async () => ({ violations: [{ rule: "another", evidence: [] }] });
  const { faults, runs } = await shrink(ROUND, [RULE], MINUTES, play);
  const whole = drawHistory(ROUND.seed, ROUND.lengthMs);
  expect(faults).toEqual(whole.faults);
  expect(runs).toEqual(whole.runs);
});

test("a run that is run again is left out with all its attempts", async () => {
  const whole = drawHistory(ROUND.seed, ROUND.lengthMs);
  const again = whole.runs.find(({ attempt }) => attempt === 2)?.number as number;
  const { play } = brokenBy([], [again]);
  const { runs } = await shrink(ROUND, [RULE], MINUTES, play);
  expect(runs.map(({ attempt }) => attempt).toSorted()).toEqual([1, 2]);
});

test("when the time is up, the shortest history so far is left", async () => {
  const { play, played } = brokenBy([1], [1]);
  const { faults, note } = await shrink(ROUND, [RULE], 0, play);
  expect(faults).toEqual(drawHistory(ROUND.seed, ROUND.lengthMs).faults);
  expect(played).toEqual([]);
  expect(note).toContain("the time was up");
});

test("of parts that are needed together, exactly these are left, whichever they are", async () => {
  const cases = fc
    .integer({ min: 0, max: 40 })
    .chain((length) => fc.record({ parts: fc.constant(upTo(length)), needed: fc.subarray(upTo(length)) }));
  await fc.assert(
    fc.asyncProperty(cases, async ({ parts, needed }) => {
      const isBroken = async (rest: readonly number[]) => needed.every((one) => rest.includes(one));
      expect(await leaveOut(parts, isBroken, () => false)).toEqual(needed);
    }),
  );
});
