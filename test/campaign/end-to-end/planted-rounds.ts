import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { table } from "../../bench/table.ts";
import { PLANTED_BUGS, type PlantedBug } from "../planted/bugs.ts";
import { plant } from "../planted/plant.ts";
import { violated } from "../violated.ts";
import { runRound } from "./round.ts";

/** How planted bugs are looked for. */
export interface PlantedOptions {
  /** The bugs' names; all without them. */
  names?: readonly string[];
  seed: number;
  lengthMs: number;
  /** How long to look for each (minutes). */
  minutes: number;
  atOnce: number;
  keep: boolean;
  signal: AbortSignal;
}

interface Caught {
  bug: PlantedBug;
  /** The rules that were broken; empty if none was. */
  rules: string[];
  rounds: number;
  seconds: number;
}

/** A planted bug may leave the queue stuck, which is seen when nothing moves any more. */
const QUIET_MS = 75_000;

/** Plays rounds against each planted bug until a rule is broken. Resolves with whether each was caught. */
export async function runPlanted(options: PlantedOptions): Promise<boolean> {
  const bugs = PLANTED_BUGS.filter(({ name }) => options.names?.includes(name) ?? true);
  if (bugs.length === 0)
    throw new Error(
      `--planted: expected one of ${PLANTED_BUGS.map(({ name }) => name).join(", ")}, got ${options.names}`,
    );
  const results: Caught[] = [];
  const queue = bugs.values();
  const worker = async () => {
    for (const bug of queue) {
      const caught = await hunt(bug, options);
      results.push(caught);
      const { rules, rounds, seconds } = caught;
      console.log(
        `${bug.name}: ${rules.length > 0 ? "caught" : "NOT CAUGHT"} after ${seconds.toFixed(0)} s, ${rounds} rounds`,
      );
    }
  };
  // Each ends what it started before an error of one of them ends all.
  const ended = await Promise.allSettled(Array.from({ length: options.atOnce }, worker));
  for (const one of ended) if (one.status === "rejected") throw one.reason;
  const rows = PLANTED_BUGS.flatMap((bug) => {
    const caught = results.find((result) => result.bug === bug);
    if (!caught) return [];
    const { rules, rounds, seconds } = caught;
    return [[bug.name, bug.says, `${rounds}`, seconds.toFixed(0), rules[0] ?? "none: NOT CAUGHT"]];
  });
  console.log(`\n${table(["planted bug", "what is wrong", "rounds", "s", "rule that caught it"], rows)}`);
  return results.every(({ rules }) => rules.length > 0);
}

async function hunt(
  bug: PlantedBug,
  { seed, lengthMs, minutes, keep, signal }: PlantedOptions,
): Promise<Caught> {
  const began = Date.now();
  const seconds = () => (Date.now() - began) / 1000;
  const app = await plant(bug);
  try {
    for (let rounds = 1; ; rounds++) {
      const keepIn = keep ? mkdtempSync(join(tmpdir(), "twinhook-campaign-")) : undefined;
      const { violations } = await runRound({
        seed: seed + rounds - 1,
        lengthMs,
        main: app.main,
        quietMs: QUIET_MS,
        signal,
        ...(keepIn && { keepIn }),
      });
      if (violations.length > 0)
        console.log(
          `${bug.name}, seed ${seed + rounds - 1}\n${violated(violations)}${keepIn ? `\n  kept in ${keepIn}` : ""}`,
        );
      if (violations.length > 0 || seconds() > minutes * 60)
        return { bug, rules: violations.map(({ rule }) => rule), rounds, seconds: seconds() };
    }
  } finally {
    app.remove();
  }
}
