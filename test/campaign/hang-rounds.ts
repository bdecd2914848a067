import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { table } from "../bench/table.ts";
import { type PostgresServer, startPostgres } from "../helpers/postgres.ts";
import { describeStep, drawHangPlan } from "./hang-plan.ts";
import { FIGURES, type HangReport, runHangs } from "./hangs.ts";
import { violated } from "./violated.ts";

/** What `npm run campaign -- --hangs` was asked for. */
export interface HangRoundsOptions {
  stores: readonly ("sqlite" | "postgres")[];
  seed: number;
  /** In all rounds together, on each store. */
  hangs: number;
  /** How many rounds run at the same time. */
  atOnce: number;
  /** Whether to keep the hosts on which a rule did not hold. */
  keep: boolean;
  signal: AbortSignal;
}

/** A new host for so many hangs, with a seed of its own: a violation is repeated in minutes, not in an hour. */
const HANGS_PER_ROUND = 20;
const SIZE = { longestHangMs: 12_000, longestPauseMs: 20_000, longestLateMs: 20_000 };

/** The schedules of all rounds on one store. */
function roundsOf({ seed, hangs }: Pick<HangRoundsOptions, "seed" | "hangs">) {
  return Array.from({ length: Math.ceil(hangs / HANGS_PER_ROUND) }, (_, index) => ({
    seed: seed + index,
    hangs: Math.min(HANGS_PER_ROUND, hangs - index * HANGS_PER_ROUND),
    ...SIZE,
  }));
}

/** Prints the schedules, and runs nothing. */
export function printHangPlans(options: Pick<HangRoundsOptions, "seed" | "hangs">): void {
  for (const round of roundsOf(options)) {
    const { failover, steps } = drawHangPlan(round);
    console.log(`\nseed ${round.seed}, failover ${JSON.stringify(failover)}`);
    for (const step of steps)
      console.log(`  ${(step.atMs / 1000).toFixed(1).padStart(6)} s  ${describeStep(step)}`);
  }
}

/** Runs all rounds, says how they go, and prints a table. Resolves with whether all promises were kept. */
export async function runHangRounds(options: HangRoundsOptions): Promise<boolean> {
  const { stores, atOnce, keep, signal } = options;
  const rounds = stores.flatMap((store) => roundsOf(options).map((round) => ({ store, ...round })));
  const reports: { store: string; seed: number; report: HangReport }[] = [];
  let postgres: PostgresServer | undefined;
  try {
    if (stores.includes("postgres")) postgres = await startPostgres();
    const queue = rounds.values();
    const runner = async () => {
      for (const { store, ...round } of queue) {
        const name = `${store}, seed ${round.seed}`;
        const keepIn = keep ? mkdtempSync(join(tmpdir(), "twinhook-hangs-")) : undefined;
        const report = await runHangs({
          ...round,
          ...(store === "postgres" && postgres && { postgresUrl: await postgres.createDatabase() }),
          onProgress: (line) => console.log(`${name}  ${line}`),
          signal,
          ...(keepIn && { keepIn }),
        });
        reports.push({ store, seed: round.seed, report });
        const { violations, seconds } = report;
        const verdict = violations.length === 0 ? "  every promise was kept" : violated(violations);
        console.log(`${name}: after ${seconds.toFixed(0)} s\n${verdict}`);
        if (violations.length > 0)
          console.log(
            `  again: npm run campaign -- --hangs ${round.hangs} --store ${store} --seed ${round.seed}`,
            keepIn ? `\n  kept in ${keepIn}` : "",
          );
      }
    };
    // Each ends what it started before an error of one of them ends all.
    const ended = await Promise.allSettled(Array.from({ length: atOnce }, runner));
    for (const one of ended) if (one.status === "rejected") throw one.reason;
  } finally {
    await postgres?.stop();
  }
  console.log(`\n${summary(reports)}`);
  return reports.every(({ report }) => report.violations.length === 0);
}

function summary(reports: readonly { store: string; seed: number; report: HangReport }[]): string {
  const violationsOf = ({ violations }: HangReport) =>
    violations.reduce((sum, { evidence }) => sum + evidence.length, 0);
  const row = (name: string, some: typeof reports) => [
    name,
    ...FIGURES.map((figure) => String(some.reduce((sum, { report }) => sum + report.figures[figure], 0))),
    String(some.reduce((sum, { report }) => sum + violationsOf(report), 0)),
  ];
  const byStore = Map.groupBy(reports, ({ store }) => store);
  return table(
    ["round", ...FIGURES.map((figure) => figure.replace("_", " ")), "violations"],
    [...byStore].flatMap(([store, some]) => [
      ...some.toSorted((a, b) => a.seed - b.seed).map((one) => row(`${store}, seed ${one.seed}`, [one])),
      row(`${store}, all`, some),
    ]),
  );
}
