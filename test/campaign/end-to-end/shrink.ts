import type { Fault } from "./faults.ts";
import { drawHistory, type Only, type Run, shorten } from "./history.ts";
import { type RoundOptions, type RoundReport, runRound } from "./round.ts";

/** The processes do not interleave the same way twice: a part is needless if one of so many rounds fails without it. */
const TRIES = 2;

/** The shortest history that was found, and how. */
export interface Shortest {
  faults: Fault[];
  runs: Run[];
  /** The options of `npm run campaign` that play it again. */
  options: string;
  note: string;
}

/**
 * Looks for the shortest history that still breaks one of the rules: leaves out faults and then runs, and plays the
 * rest again. Ends when nothing can be left out, or when the time is up (minutes).
 */
export async function shrink(
  round: RoundOptions,
  rules: readonly string[],
  minutes: number,
  play: (round: RoundOptions) => Promise<Pick<RoundReport, "violations">> = runRound,
): Promise<Shortest> {
  const until = Date.now() + minutes * 60_000;
  const whole = shorten(drawHistory(round.seed, round.lengthMs, round.bias), round.only);
  let rounds = 0;
  let again = 0;
  const isBroken = async (only: Only) => {
    for (let tried = 0; tried < TRIES && Date.now() < until; tried++) {
      rounds++;
      const { violations } = await play({ ...round, only });
      if (!violations.some(({ rule }) => rules.includes(rule))) continue;
      again++;
      return true;
    }
    return false;
  };
  const isOver = () => Date.now() >= until;
  const allRuns = [...new Set(whole.runs.map(({ number }) => number))];
  const faults = await leaveOut(
    whole.faults.map(({ number }) => number),
    (some) => isBroken({ faults: new Set(some), runs: new Set(allRuns) }),
    isOver,
  );
  const runs = await leaveOut(
    allRuns,
    (some) => isBroken({ faults: new Set(faults), runs: new Set(some) }),
    isOver,
  );
  const left = shorten(whole, { faults: new Set(faults), runs: new Set(runs) });
  return {
    faults: left.faults,
    runs: left.runs,
    options: `--faults ${faults.join(",") || "0"} --runs ${runs.join(",") || "0"}`,
    note:
      `${left.faults.length} of ${whole.faults.length} faults and ${left.runs.length} of ${whole.runs.length} runs ` +
      `are left, after ${rounds} more rounds, of which ${again} broke the rule again` +
      (isOver() ? "; the time was up" : ""),
  };
}

/**
 * Leaves out as many of the parts as it can while `isBroken` says that the rest still breaks the rule. First it tries
 * without any of them, then without half of them, and then without smaller groups, down to single ones.
 */
export async function leaveOut<T>(
  parts: readonly T[],
  isBroken: (rest: readonly T[]) => Promise<boolean>,
  isOver: () => boolean,
): Promise<T[]> {
  let left = [...parts];
  for (let size = left.length; size >= 1 && !isOver(); ) {
    const before = left.length;
    for (let start = 0; start < left.length && !isOver(); ) {
      const rest = left.toSpliced(start, size);
      if (await isBroken(rest)) left = rest;
      else start += size;
    }
    if (size === 1 && left.length === before) break;
    size = Math.max(1, Math.floor(Math.min(size, left.length) / 2));
  }
  return left;
}
