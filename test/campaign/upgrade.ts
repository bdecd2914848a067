import { setTimeout as sleep } from "node:timers/promises";
import { WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import { checkOut, OWN_BUILD } from "../bench/other-build.ts";
import { startPostgres } from "../helpers/postgres.ts";
import { TestHost } from "../helpers/test-host.ts";
import { startGitHub } from "../simulator/simulator.ts";
import type { Violation } from "./verdict.ts";
import { violated } from "./violated.ts";

const REPOSITORY = "acme/site";
const EVENT_EVERY_MS = 50;
/** How long events arrive before the first restart, between two upgrades, and after the last. */
const CALM_MS = 3_000;
/** How long everything may take to be on record after the last event. */
const SETTLE_MS = 120_000;

interface UpgradeReport {
  violations: Violation[];
  events: number;
  restarts: number;
}

/** Upgrades from a commit to these files and back, on each store. Resolves with whether every promise was kept. */
export async function runUpgrades(options: {
  commit: string;
  stores: readonly ("sqlite" | "postgres")[];
  rounds: number;
  signal: AbortSignal;
}): Promise<boolean> {
  const before = checkOut(options.commit);
  let kept = true;
  try {
    for (const store of options.stores) {
      console.log(`\n${store}: from ${before.name} to these files and back, ${options.rounds} times`);
      const postgres = store === "postgres" ? await startPostgres() : undefined;
      try {
        const { violations, ...figures } = await upgradeWhileEventsArrive({
          mains: [before.main, OWN_BUILD.main],
          ...(postgres && { postgresUrl: await postgres.createDatabase() }),
          rounds: options.rounds,
          onProgress: (line) => console.log(`  ${line}`),
          signal: options.signal,
        });
        console.log(" ", figures);
        console.log(violations.length === 0 ? "  every promise was kept" : violated(violations));
        kept &&= violations.length === 0;
      } finally {
        await postgres?.stop();
      }
    }
    return kept;
  } finally {
    before.remove();
  }
}

/** Starts both instances with the first main file, and restarts one after the other with the second, then the first. */
async function upgradeWhileEventsArrive(options: {
  mains: readonly [string, string];
  postgresUrl?: string;
  rounds: number;
  onProgress: (line: string) => void;
  signal: AbortSignal;
}): Promise<UpgradeReport> {
  const { mains, signal, onProgress } = options;
  const plenty = { app: 1_000_000, installation: 1_000_000 };
  const github = await startGitHub({ latencyMs: 100, rateLimits: plenty });
  github.addRepository(REPOSITORY);
  const host = await TestHost.create({
    github,
    ...(options.postgresUrl && { store: options.postgresUrl }),
    main: mains[0],
    targets: [{ queue: "latest", env: { STEP_SECONDS: "2" } }],
    // The defaults are what users have.
    config: { failover: {} },
  });
  github.hook.config.url = host.url("primary", WEBHOOK_PATH);
  const runs = new Set<number>();
  let stopped = false;
  const send = async () => {
    while (!stopped) {
      runs.add(github.completeRun({ repository: REPOSITORY }).run.id);
      await sleep(EVENT_EVERY_MS);
    }
  };
  let sending: Promise<void> | undefined;
  let restarts = 0;
  try {
    const running = { primary: await host.start("primary"), backup: await host.start("backup") };
    await Promise.all(["primary", "backup"].map((name) => host.untilReady(name)));
    sending = send();
    await sleep(CALM_MS);
    for (let round = 0; round < options.rounds; round++)
      for (const main of [mains[1], mains[0]]) {
        for (const name of ["backup", "primary"] as const) {
          signal.throwIfAborted();
          const begun = performance.now();
          await running[name].kill("SIGTERM");
          host.main = main;
          running[name] = await host.start(name);
          await host.untilReady(name);
          restarts++;
          onProgress(
            `${new Date().toISOString()} ${name} is up again after ${Math.round(performance.now() - begun)} ms`,
          );
        }
        await sleep(CALM_MS);
      }
    stopped = true;
    await sending;
    await github.waitFor(() => github.deliveriesInFlight === 0);
    const violations = await judge();
    if (violations.length > 0)
      for (const { time, instance, msg, level } of host.started.flatMap(({ lines }) => lines))
        if (level === "warn" || level === "error") onProgress(`${time} ${instance}: ${msg}`);
    return { violations, events: runs.size, restarts };
  } finally {
    stopped = true;
    await sending;
    await host.close();
    await github.close();
  }

  /** What promises were broken, asked until none is, or the time is up. */
  async function judge(): Promise<Violation[]> {
    const failed = github.deliveries
      .filter(({ status_code }) => status_code < 200 || status_code > 299)
      .map(({ delivered_at, status, response }) => `${delivered_at}: ${status}, ${response.payload}`);
    const until = performance.now() + SETTLE_MS;
    for (;;) {
      const found = (await host.deployments("primary")).filter(({ status }) => status !== "queued");
      const recorded = found.map(({ run_id }) => run_id);
      const lost = [...runs].filter((id) => !recorded.includes(id));
      if (lost.length > 0 && performance.now() < until) {
        await sleep(500);
        continue;
      }
      const doubled = recorded.filter((id, index) => recorded.indexOf(id) !== index);
      const begun = host.trace().filter(({ what }) => what === "start");
      const twice = begun.filter(({ runId }, index) => begun.findIndex((one) => one.runId === runId) < index);
      return [
        { rule: "GitHub's log has no failed delivery", evidence: failed },
        { rule: "each run has a deployment that began or was passed over", evidence: lost.map(String) },
        { rule: "no run has two deployments", evidence: doubled.map(String) },
        { rule: "no command ran twice", evidence: twice.map(({ runId }) => String(runId)) },
      ].filter(({ evidence }) => evidence.length > 0);
    }
  }
}
