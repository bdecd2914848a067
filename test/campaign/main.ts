/** The campaigns from the command line: `npm run campaign`. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildApp } from "../../app/bundle/build.ts";
import { type PostgresServer, startPostgres } from "../helpers/postgres.ts";
import { wholeNumber } from "../helpers/whole-number.ts";
import { runCalm } from "./calm.ts";
import { runCampaign } from "./campaign.ts";
import { printHangPlans, runHangRounds } from "./hang-rounds.ts";
import { violated } from "./violated.ts";

const USAGE = `Usage: npm run campaign -- [options]

Sends workflow_run events to both twins while instances, runners and commands are killed, and then checks from
the store, from what the commands noted, and at the simulated GitHub that every promise was kept.

  --store STORE        sqlite, postgres or both (default: both)
  --seed N             the seed of the schedule (default: drawn, and printed)
  --events N           how many events (default: 2000)
  --kills N            how many kills (default: 50)
  --connections N      how many connections send them (default: 16)
  --rate N             events per second, over all connections (default: 40)
  --no-github          do not wait until GitHub has been told everything
  --keep               on a violation, keep the host's folder and the logs, and say where

With --hangs, GitHub sends the events to the active instance while instances hang (SIGSTOP), are killed and switched
over, while GitHub shows rows and runs late or loses answers, and while the store breaks. What GitHub, the API and the
commands show must be every run, once, in order. Each 20 hangs have a host and a seed of their own.

  --hangs [N]          how many hangs on each store (default: 200, about an hour)
  --at-once N          how many hosts at the same time (default: 1)
  --plan               print the schedule, and run nothing

With --calm, nothing fails: both instances work at 200 events a second beside endless loops, and are frozen together
for 1 s every minute, as a machine that stands still would do. There must be no failover.

  --calm MINUTES       for how long
  --loops N            how many endless loops run beside them (default: 2)

A seed reproduces the schedule: which events are sent in which order, with which GUIDs, over which pauses and to
which twin first; which kills happen after how many answers, in which situation and after which delay; and what
goes wrong at GitHub. It does not reproduce how the operating system interleaves the processes, so that a kill
hits a moment like the one before, but not the very same instruction. Repeat a seed to meet a rare moment again.`;

const HANGS = "200";
const STORES = ["sqlite", "postgres"] as const;

async function main(): Promise<number> {
  const { values } = parseArgs({
    // `--hangs` alone is the whole campaign.
    args: process.argv
      .slice(2)
      .flatMap((arg, index, all) =>
        arg === "--hangs" && !/^\d/.test(all[index + 1] ?? "") ? [arg, HANGS] : [arg],
      ),
    options: {
      store: { type: "string", default: "both" },
      seed: { type: "string" },
      events: { type: "string", default: "2000" },
      kills: { type: "string", default: "50" },
      connections: { type: "string", default: "16" },
      rate: { type: "string", default: "40" },
      "no-github": { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      hangs: { type: "string" },
      calm: { type: "string" },
      loops: { type: "string", default: "2" },
      "at-once": { type: "string", default: "1" },
      plan: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const stores = STORES.filter((store) => values.store === store || values.store === "both");
  if (stores.length === 0) throw new Error(`--store: expected sqlite, postgres or both, got ${values.store}`);
  const seed =
    values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : wholeNumber("seed", values.seed, 0);
  const size = {
    events: wholeNumber("events", values.events, 1),
    kills: wholeNumber("kills", values.kills, 0),
    connections: wholeNumber("connections", values.connections, 1),
    rate: wholeNumber("rate", values.rate, 1),
  };

  await buildApp();
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => abort.abort(new Error(`ended by ${signal}`)));
  if (values.calm !== undefined) {
    const report = await runCalm({
      ...{ rate: 200, freezeEverySeconds: 60, freezeMs: 1_000 },
      seconds: 60 * wholeNumber("calm", values.calm, 1),
      loops: wholeNumber("loops", values.loops, 0),
      onProgress: (line) => console.log(`  ${line}`),
      signal: abort.signal,
    });
    const { failovers, died, ...figures } = report;
    console.log({ failovers: failovers.length, died: died.length, ...figures });
    return failovers.length + died.length === 0 ? 0 : 1;
  }
  if (values.hangs !== undefined) {
    const hangs = wholeNumber("hangs", values.hangs, 1);
    if (values.plan) {
      printHangPlans({ seed, hangs });
      return 0;
    }
    console.log(`${stores.join(" and ")}, seed ${seed}: ${hangs} hangs`);
    const atOnce = wholeNumber("at-once", values["at-once"], 1);
    return (await runHangRounds({ stores, seed, hangs, atOnce, keep: values.keep, signal: abort.signal }))
      ? 0
      : 1;
  }
  let failed = 0;
  for (const store of stores) {
    console.log(`\n${store}, seed ${seed}: ${size.events} events, ${size.kills} kills`);
    const postgres: PostgresServer | undefined = store === "postgres" ? await startPostgres() : undefined;
    const keepIn = values.keep ? mkdtempSync(join(tmpdir(), "twinhook-campaign-")) : undefined;
    try {
      const report = await runCampaign({
        seed,
        ...size,
        signal: abort.signal,
        waitForGitHub: !values["no-github"],
        ...(postgres && { postgresUrl: await postgres.createDatabase() }),
        ...(keepIn && { keepIn }),
        onProgress: (line) => console.log(`  ${line}`),
      });
      const figures = Object.entries(report.figures).map(([name, figure]) => `${name} ${figure}`);
      console.log(`  after ${report.seconds.toFixed(1)} s: ${figures.join(", ")}`);
      console.log(report.violations.length === 0 ? "  every promise was kept" : violated(report.violations));
      if (report.violations.length > 0) {
        failed++;
        console.log(`  again: npm run campaign -- --store ${store} --seed ${seed} ${sizeOptions(size)}`);
        if (keepIn) console.log(`  kept in ${keepIn}`);
      }
    } finally {
      await postgres?.stop();
    }
  }
  return failed > 0 ? 1 : 0;
}

function sizeOptions(size: Record<string, number>): string {
  return Object.entries(size)
    .map(([name, number]) => `--${name} ${number}`)
    .join(" ");
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof Error && error.message.startsWith("--") ? error.message : error);
    process.exit(1);
  },
);
