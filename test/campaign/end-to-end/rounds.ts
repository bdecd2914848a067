import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { table } from "../../bench/table.ts";
import { type PostgresServer, startPostgres } from "../../helpers/postgres.ts";
import { violated } from "../violated.ts";
import type { Bias } from "./bias.ts";
import { describe } from "./faults.ts";
import { quantile } from "./figures.ts";
import { drawHistory, type History, type Only } from "./history.ts";
import { type RoundReport, runRound } from "./round.ts";
import { type Shortest, shrink } from "./shrink.ts";

export type StoreName = "sqlite" | "postgres";

/** What `npm run campaign` was asked for. */
export interface RoundsOptions {
  stores: readonly StoreName[];
  seed: number;
  /** Rounds begin for so long, on all stores together. */
  minutes: number;
  lengthMs: number;
  /** Only these parts of the seed's history, for a single round. */
  only?: Only;
  /** How long to look for a shorter history after a violation (minutes). */
  shrinkMinutes: number;
  /** Whether to keep the hosts on which a rule did not hold. */
  keep: boolean;
  verbose: boolean;
  signal: AbortSignal;
}

/** The history of one seed, line by line. */
export function printHistory(seed: number, lengthMs: number, bias?: Bias): void {
  const history = drawHistory(seed, lengthMs, bias);
  const { supervised, failover } = history;
  console.log(
    `seed ${seed}: ${supervised ? "supervised" : "on their own"}, failover ${JSON.stringify(failover)}`,
  );
  for (const line of linesOf(history)) console.log(`  ${line}`);
}

/** What happens, in the order of time. */
function linesOf({ runs, faults }: Pick<History, "runs" | "faults">): string[] {
  return [
    ...faults.map((fault) => ({ atMs: fault.atMs, text: describe(fault) })),
    ...runs.map(({ completedMs: atMs, ...run }) => ({
      atMs,
      text: `${(atMs / 1000).toFixed(1)} s  run ${run.number}: ${run.id}.${run.attempt} of ${run.repository} ${run.branch}, ${run.kind}, sent ${run.sending}${run.job ? `, asked for by a job for ${run.job.target}` : ""}`,
    })),
  ]
    .toSorted((a, b) => a.atMs - b.atMs)
    .map(({ text }) => text);
}

/** The shortest history of a violation: the promise, the seed and options that play it again, and what happens in it. */
export function told(command: string, rules: readonly string[], shortest: Shortest): string {
  return [
    ...rules.map((rule) => `  broken: ${rule}`),
    ...linesOf(shortest).map((line) => `    ${line}`),
    `  again: ${command} ${shortest.options}`,
    `  ${shortest.note}`,
  ].join("\n");
}

/** Runs rounds, one seed after the other, until the time is up. Resolves with whether all promises were kept. */
export async function runRounds(options: RoundsOptions): Promise<boolean> {
  const { stores, lengthMs, signal } = options;
  const until = Date.now() + options.minutes * 60_000;
  const reports: { store: StoreName; report: RoundReport }[] = [];
  let server: PostgresServer | undefined;
  try {
    // The rounds stop and start it.
    if (stores.includes("postgres")) server = await startPostgres({ persistent: true });
    for (let index = 0; index === 0 || (Date.now() < until && !options.only); index++) {
      const store = stores[index % stores.length] as StoreName;
      const seed = options.seed + Math.floor(index / stores.length);
      const keepIn = options.keep ? mkdtempSync(join(tmpdir(), "twinhook-campaign-")) : undefined;
      const round = {
        seed,
        lengthMs,
        signal,
        ...(options.only && { only: options.only }),
        ...(store === "postgres" && server && { server }),
      };
      const report = await runRound({
        ...round,
        ...(keepIn && { keepIn }),
        ...(options.verbose && { onProgress: (line: string) => console.log(`  ${line}`) }),
      });
      reports.push({ store, report });
      console.log(lineOf(store, report));
      if (report.violations.length === 0) continue;
      const name = `npm run campaign -- --store ${store} --seed ${seed} --length ${lengthMs / 1000}`;
      console.log(`${violated(report.violations)}${keepIn ? `\n  kept in ${keepIn}` : ""}`);
      const rules = report.violations.map(({ rule }) => rule);
      console.log(told(name, rules, await shrink(round, rules, options.shrinkMinutes)));
    }
  } finally {
    await server?.stop();
  }
  console.log(`\n${summary(reports)}`);
  return reports.every(({ report }) => report.violations.length === 0);
}

function lineOf(
  store: string,
  { seed, faults, events, deployments, seconds, violations }: RoundReport,
): string {
  const verdict = violations.length === 0 ? "every promise was kept" : "VIOLATED";
  return `${store}, seed ${seed}: ${faults} faults, ${events} events, ${deployments} deployments, ${seconds.toFixed(0)} s: ${verdict}`;
}

function summary(reports: readonly { store: StoreName; report: RoundReport }[]): string {
  const sum = (some: typeof reports, count: (report: RoundReport) => number) =>
    String(some.reduce((total, { report }) => total + count(report), 0));
  const rows = [...Map.groupBy(reports, ({ store }) => store)].map(([store, some]) => {
    const times = some.flatMap(({ report }) => report.failovers.map(({ ms }) => ms));
    return [
      store,
      String(some.length),
      sum(some, ({ faults }) => faults),
      sum(some, ({ events }) => events),
      sum(some, ({ deployments }) => deployments),
      sum(some, ({ violations }) => violations.length),
      times.length === 0 ? "" : [0.5, 0.99, 1].map((p) => `${quantile(times, p)}`).join(" / "),
    ];
  });
  return table(
    ["store", "rounds", "faults", "events", "deployments", "broken rules", "failover p50 / p99 / max ms"],
    rows,
  );
}
