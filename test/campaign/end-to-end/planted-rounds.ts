import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PLANTED_BUGS, type PlantedBug } from "../planted/bugs.ts";
import { plant } from "../planted/plant.ts";
import { violated } from "../violated.ts";
import type { Only } from "./history.ts";
import { type RoundOptions, type RoundReport, runRound } from "./round.ts";
import { told } from "./rounds.ts";
import { shrink } from "./shrink.ts";

/** How planted bugs are looked for. */
export interface PlantedOptions {
  /** The bugs' names; all without them. */
  names?: readonly string[];
  seed: number;
  lengthMs: number;
  /** Only these parts of the first seed's history. */
  only?: Only;
  /** How long to look for each (minutes). */
  minutes: number;
  /** How long to look for a shorter history of one that is caught (minutes). */
  shrinkMinutes: number;
  atOnce: number;
  keep: boolean;
  verbose: boolean;
  signal: AbortSignal;
}

/** How the search for a bug ended. A catch means something only if the same history breaks no rule without the bug. */
interface Caught {
  bug: PlantedBug;
  verdict: "caught" | "NOT CAUGHT" | "CONTROL NOT CLEAN";
  /** The bug's own rule that was broken. */
  rule: string;
  seed: number;
  rounds: number;
  /** From the first round to the end of the one that caught it. The control is not counted. */
  seconds: number;
}

/** A planted bug may leave the queue stuck, which is seen when nothing moves any more. */
const QUIET_MS = 75_000;

/**
 * Plays rounds against each planted bug until one of its own rules is broken, and then the same history without the
 * bug, which must break none. Resolves with whether each was caught.
 */
export async function runPlanted(options: PlantedOptions): Promise<boolean> {
  const unknown = options.names?.filter((name) => !PLANTED_BUGS.some((bug) => bug.name === name)) ?? [];
  if (unknown.length > 0)
    throw new Error(
      `--planted: expected one of ${PLANTED_BUGS.map(({ name }) => name).join(", ")}, got ${unknown}`,
    );
  const bugs = PLANTED_BUGS.filter(({ name }) => options.names?.includes(name) ?? true);
  const results: Caught[] = [];
  const queue = bugs.values();
  const worker = async () => {
    for (const bug of queue) {
      const caught = await hunt(bug, options);
      results.push(caught);
      const { verdict, rounds, seconds, rule, seed } = caught;
      console.log(
        `${bug.name}: ${verdict} after ${seconds.toFixed(0)} s, ${rounds} rounds, seed ${seed} ${rule}`,
      );
    }
  };
  // Each ends what it started before an error of one of them ends all.
  const ended = await Promise.allSettled(Array.from({ length: options.atOnce }, worker));
  for (const one of ended) if (one.status === "rejected") throw one.reason;
  console.log(`\n${tableOf(results.toSorted((a, b) => bugs.indexOf(a.bug) - bugs.indexOf(b.bug)))}`);
  return results.every(({ verdict }) => verdict === "caught");
}

/** In Markdown, as docs/evidence.md shows it. */
function tableOf(results: readonly Caught[]): string {
  const rows = results.map(({ bug, verdict, rule, seconds, seed }) => [
    bug.name,
    bug.says,
    verdict === "caught" ? rule : verdict,
    seconds.toFixed(0),
    `${seed}`,
  ]);
  const titles = ["planted bug", "what is wrong", "caught by the rule", "s", "seed"];
  return [titles, titles.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** What a search is made of. */
const PARTS = {
  plant,
  runRound: runRound as (round: RoundOptions) => Promise<Pick<RoundReport, "violations">>,
};

/** Looks for one bug. */
export async function hunt(bug: PlantedBug, options: PlantedOptions, parts = PARTS): Promise<Caught> {
  const { lengthMs, signal, only } = options;
  const app = await parts.plant(bug);
  const play = (name: string, round: RoundOptions) => playAndShow(name, round, options, parts.runRound);
  const began = Date.now();
  try {
    for (let rounds = 1; ; rounds++) {
      // The processes do not interleave the same way twice: what is left of a history is played again.
      const seed = only ? options.seed : options.seed + rounds - 1;
      const history = { seed, lengthMs, bias: bug.bias, signal, ...(only && { only }) };
      const planted = { ...history, main: app.main, quietMs: QUIET_MS };
      const broken = await play(`${bug.name}, seed ${seed}`, planted);
      const seconds = (Date.now() - began) / 1000;
      const result = {
        bug,
        seed,
        rounds,
        seconds,
        rule: bug.brokenBy.find((own) => broken.includes(own)) ?? "",
      };
      if (result.rule !== "") {
        const control = await play(`the control of ${bug.name}, seed ${seed}`, history);
        if (control.length > 0) return { ...result, verdict: "CONTROL NOT CLEAN" };
        if (options.shrinkMinutes > 0) {
          const again = `npm run campaign -- --planted ${bug.name} --seed ${seed} --length ${lengthMs / 1000}`;
          console.log(
            told(again, [result.rule], await shrink(planted, [result.rule], options.shrinkMinutes)),
          );
        }
        return { ...result, verdict: "caught" };
      }
      if (seconds > options.minutes * 60) return { ...result, verdict: "NOT CAUGHT" };
    }
  } finally {
    app.remove();
  }
}

/** Plays a round, shows what it broke, and resolves with the broken rules. */
async function playAndShow(
  name: string,
  round: RoundOptions,
  { keep, verbose }: PlantedOptions,
  play: (typeof PARTS)["runRound"],
): Promise<string[]> {
  const keepIn = keep ? mkdtempSync(join(tmpdir(), "twinhook-campaign-")) : undefined;
  const { violations } = await play({
    ...round,
    ...(keepIn && { keepIn }),
    ...(verbose && { onProgress: (line: string) => console.log(`  ${name}: ${line}`) }),
  });
  if (violations.length > 0)
    console.log(`${name}\n${violated(violations)}${keepIn ? `\n  kept in ${keepIn}` : ""}`);
  return violations.map(({ rule }) => rule);
}
