import type { Violation } from "../verdict.ts";
import type { Fault } from "./faults.ts";
import { drawHistory } from "./history.ts";
import { type RoundOptions, runRound } from "./round.ts";

/** The processes do not interleave the same way twice: a fault is needless if one of so many rounds fails without it. */
const TRIES = 2;

/**
 * Looks for the shortest history that still breaks one of the rules: leaves out parts of the faults, smaller and
 * smaller ones, and plays the rest again. Ends when nothing can be left out, or when the time is up.
 */
export async function shrink(
  round: RoundOptions,
  violations: readonly Violation[],
  minutes: number,
): Promise<{ faults: Fault[]; note: string }> {
  const until = Date.now() + minutes * 60_000;
  const rules = new Set(violations.map(({ rule }) => rule));
  const { faults } = drawHistory(round.seed, round.lengthMs);
  let left = faults.filter(({ number }) => round.only?.has(number) ?? true);
  let rounds = 0;
  let again = 0;
  const isBroken = async (some: readonly Fault[]) => {
    for (let tried = 0; tried < TRIES && Date.now() < until; tried++) {
      rounds++;
      const only = new Set(some.map(({ number }) => number));
      const report = await runRound({ ...round, only });
      if (!report.violations.some(({ rule }) => rules.has(rule))) continue;
      again++;
      return true;
    }
    return false;
  };
  for (let size = Math.ceil(left.length / 2); size >= 1 && Date.now() < until; ) {
    const before = left.length;
    for (let start = 0; start < left.length && Date.now() < until; ) {
      const rest = left.toSpliced(start, size);
      if (await isBroken(rest)) left = rest;
      else start += size;
    }
    if (size === 1 && left.length === before) break;
    size = size === 1 ? 1 : Math.ceil(size / 2);
  }
  const note = `${left.length} of ${faults.length} faults are left, after ${rounds} more rounds, of which ${again} broke the rule again`;
  return { faults: left, note };
}
