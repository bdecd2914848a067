import { systemClock } from "../../app/clock.ts";
import type { StoreAddress } from "../../app/config/store-address.ts";
import { openStore } from "../../app/store/open-store.ts";
import type { TestHost } from "../helpers/test-host.ts";
import type { FaultKind } from "../simulator/faults.ts";
import { type GitHub, startGitHub } from "../simulator/simulator.ts";
import { collect, type Evidence, untilTidy } from "./evidence.ts";
import { Instances } from "./instances.ts";
import { keepHost } from "./keep-host.ts";
import { Killer } from "./killer.ts";
import { Observer } from "./observer.ts";
import { drawPlan, type PlannedFault } from "./plan.ts";
import { prepareHost } from "./prepare-host.ts";
import { Progress } from "./progress.ts";
import { type Answer, sendAll } from "./sender.ts";
import { judge, type Violation } from "./verdict.ts";

/** How one campaign is run. */
export interface CampaignOptions {
  seed: number;
  events: number;
  kills: number;
  /** Connections that send at the same time. */
  connections: number;
  /** Events per second, over all connections. */
  rate: number;
  /** The URL of an empty PostgreSQL database; without it the store is SQLite, in the host's own folder. */
  postgresUrl?: string;
  /** Whether to wait at the end until GitHub has been told everything, which may take a minute. */
  waitForGitHub: boolean;
  /** Called now and then with a line about how far it has come. */
  onProgress?: (line: string) => void;
  /** Ends it early: everything that was started is ended, and the promise is rejected. */
  signal?: AbortSignal;
  /** A folder into which the host's is copied when a rule does not hold: store, trace, registry. */
  keepIn?: string;
}

/** How a campaign went. */
export interface CampaignReport {
  violations: Violation[];
  seconds: number;
  /** Figures, for people. */
  figures: Record<string, number>;
}

const PROGRESS_MS = 2_000;
const GITHUB_LATENCY_MS = 3;

/**
 * Sends the events of a seed to both twins while instances, runners and commands are killed, waits until
 * everything is done, and holds what is on record against the promises.
 */
export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const began = performance.now();
  const plan = drawPlan(options);
  const github = await startGitHub({ latencyMs: GITHUB_LATENCY_MS, rateLimits: null });
  const { host, repositories } = await prepareHost(github, options.postgresUrl);
  const instances = new Instances(host);
  const progress = new Progress();
  const killer = new Killer(host, instances);
  let timer: NodeJS.Timeout | undefined;
  try {
    await instances.start();
    const store = await openStore(addressOf(host, options.postgresUrl), {
      clock: systemClock,
      maxConnections: 3,
      forRunner: true,
    });
    const observer = new Observer(store);
    const line = () =>
      `${Math.round((performance.now() - began) / 1000)} s: ${progress.count} of ${plan.events.length} events ` +
      `answered, ${killer.kills.length} of ${plan.kills.length} kills, ${JSON.stringify(observer.statuses)}`;
    timer = setInterval(() => options.onProgress?.(line()), PROGRESS_MS);

    options.signal?.throwIfAborted();
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    options.signal?.addEventListener("abort", () => reject(options.signal?.reason));
    const [answers] = await Promise.race([
      aborted,
      Promise.all([
        sendAll(host, plan.events, { connections: options.connections, progress, repositories }),
        killer.run(plan.kills, progress),
        setFaults(github, plan.faults, progress),
      ]),
    ]);
    const settled = await Promise.race([aborted, observer.untilSettled()]);
    if (!settled) observer.violations.add(`the queue is stuck: ${JSON.stringify(observer.statuses)}`);
    if (settled && options.waitForGitHub && !(await observer.untilToldGitHub()))
      observer.violations.add(`the outbox is stuck: ${JSON.stringify(observer.statuses)}`);
    await untilTidy(host);
    await instances.stop();
    await observer.close();
    options.onProgress?.(line());

    const observed = [...observer.violations, ...instances.diedByThemselves];
    const evidence = await collect(host, store, github, { answers, kills: killer.kills, observed });
    await store.close();
    const violations = judge(evidence);
    if (options.keepIn && violations.length > 0) keepHost(host, options.keepIn, { kills: killer.kills });
    return {
      violations,
      seconds: (performance.now() - began) / 1000,
      figures: { ...figuresOf(evidence, answers), failedLooks: observer.failedLooks.length },
    };
  } finally {
    clearInterval(timer);
    await instances.stop();
    await host.close();
    await github.close();
  }
}

function addressOf(host: TestHost, postgresUrl: string | undefined): StoreAddress {
  return postgresUrl
    ? { engine: "postgres", url: postgresUrl }
    : { engine: "sqlite", path: `${host.stateDirectory}/twinhook.db` };
}

async function setFaults(github: GitHub, faults: readonly PlannedFault[], progress: Progress): Promise<void> {
  for (const { afterEvents, fault, times } of faults) {
    await progress.reached(afterEvents);
    const kind: FaultKind =
      fault === "status"
        ? { kind: fault, status: 502 }
        : fault === "latency"
          ? { kind: fault, ms: 300 }
          : { kind: fault };
    github.faults.add(kind, { route: "/repos/*", times });
  }
}

function figuresOf({ deployments, deliveries, kills }: Evidence, answers: Answer[]): Record<string, number> {
  const count = (status: string) => deployments.filter((row) => row.status === status).length;
  const hits = (what: string) => kills.flatMap(({ hit }) => hit).filter((one) => one.startsWith(what)).length;
  return {
    events: answers.length,
    refused: answers.flatMap(({ tries }) => tries).filter((text) => text.endsWith(" 503")).length,
    deliveries: deliveries.length,
    deployments: deployments.length,
    succeeded: count("succeeded"),
    superseded: count("superseded"),
    failed: count("failed"),
    kills: kills.length,
    killedInstances: hits("primary") + hits("backup"),
    killedRunners: hits("runner"),
    killedCommands: hits("command"),
    interruptions: deployments.reduce((sum, { interruptions }) => sum + interruptions, 0),
  };
}
