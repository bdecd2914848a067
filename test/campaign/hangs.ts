import { setTimeout as sleep } from "node:timers/promises";
import type { Deployment } from "../../shared/deployment.ts";
import { isFinal } from "../../shared/deployment.ts";
import { WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import type { TestHost } from "../helpers/test-host.ts";
import { type GitHub, startGitHub } from "../simulator/simulator.ts";
import { readScriptTrace } from "./deploy-script.ts";
import {
  describeStep,
  drawHangPlan,
  type HangPlan,
  type HangPlanOptions,
  type PlannedRun,
  type Step,
  type Whom,
} from "./hang-plan.ts";
import { type HangEvidence, type Happened, judgeHangs } from "./hang-verdict.ts";
import { type InstanceName, Instances } from "./instances.ts";
import { keepHost } from "./keep-host.ts";
import { prepareHost } from "./prepare-host.ts";
import { breakStore } from "./store-breaker.ts";
import { StoreProxy } from "./store-proxy.ts";
import { TARGETS } from "./targets.ts";
import type { Violation } from "./verdict.ts";

/** How hangs are run on one host. */
export interface HangOptions extends HangPlanOptions {
  /** The URL of an empty PostgreSQL database; without it the store is SQLite, in the host's own folder. */
  postgresUrl?: string;
  /** `failover.order_wait`, where the machine may be too busy for the default. */
  orderWait?: string;
  /** Called with a line for everything that happens but runs. */
  onProgress?: (line: string) => void;
  /** Ends it early: everything that was started is ended, and the promise is rejected. */
  signal?: AbortSignal;
  /** A folder into which the host's is copied when a rule does not hold: store, journal, logs. */
  keepIn?: string;
}

/** What happened on one host. */
export interface HangReport {
  violations: Violation[];
  seconds: number;
  figures: Record<(typeof FIGURES)[number], number>;
}

/** The columns of the final table. */
export const FIGURES = [
  "hangs",
  "kills",
  "switchovers",
  "events",
  "refused",
  "deployed",
  "superseded_all",
  "superseded_latest",
] as const;

/** As long as a request takes at GitHub, roughly. */
const GITHUB_LATENCY_MS = 20;
const LOOK_MS = 1_000;
/** Something is lost, or stuck, when nothing has changed for so long and GitHub's log was read so often meanwhile. */
const STUCK = { quietMs: 120_000, looks: 5 };
/** A busy machine may not have looked so often within this time: the last resort. */
const LONGEST_QUIET_MS = 900_000;

/** Runs the schedule of a seed against both twins, and judges from outside whether the order was kept. */
export async function runHangs(options: HangOptions): Promise<HangReport> {
  const began = performance.now();
  const plan = drawHangPlan(options);
  const plenty = { app: 1_000_000, installation: 1_000_000 };
  const github = await startGitHub({ latencyMs: GITHUB_LATENCY_MS, rateLimits: plenty });
  const proxy = options.postgresUrl ? await StoreProxy.open(options.postgresUrl) : undefined;
  const { host } = await prepareHost(github, proxy?.url, {
    failover: { ...plan.failover, ...(options.orderWait && { order_wait: options.orderWait }) },
  });
  github.hook.config.url = host.url("primary", WEBHOOK_PATH);
  const instances = new Instances(host);
  const stage: Stage = {
    github,
    host,
    instances,
    proxy,
    happened: [],
    pending: new Set(),
    troubles: [],
    wake: () => {},
  };
  try {
    await instances.start();
    await perform(stage, plan, options);
    github.faults.clear();
    await github.waitFor(() => github.deliveriesInFlight === 0, 60_000);
    const deployments = await settle(stage, plan, options.signal);
    await instances.stop();
    const evidence: HangEvidence = {
      plan,
      happened: stage.happened,
      deliveries: github.deliveries,
      deployments,
      journal: readScriptTrace(host.traceFile),
      observed: instances.diedByThemselves,
    };
    const violations = judgeHangs(evidence);
    if (options.keepIn && violations.length > 0)
      keepHost(host, options.keepIn, { happened: stage.happened, deployments, violations });
    return {
      violations,
      seconds: (performance.now() - began) / 1000,
      figures: figuresOf(evidence),
    };
  } finally {
    stage.wake();
    await instances.stop();
    await host.close();
    await proxy?.close();
    await github.close();
  }
}

interface Stage {
  github: GitHub;
  host: TestHost;
  instances: Instances;
  proxy: StoreProxy | undefined;
  happened: Happened[];
  /** What goes on beside the steps. */
  pending: Set<Promise<unknown>>;
  /** What went wrong with the campaign itself. */
  troubles: Error[];
  /** Lets the frozen instance go on. */
  wake: () => void;
}

/** Carries out the steps, each at its time. */
async function perform(stage: Stage, plan: HangPlan, options: HangOptions): Promise<void> {
  const startedAt = Date.now();
  for (const step of plan.steps) {
    await sleep(Math.max(0, startedAt + step.atMs - Date.now()), undefined, { signal: options.signal });
    if (step.what === "run") {
      completeRun(stage.github, step);
      continue;
    }
    const active = activeOf(stage);
    const other = active === "primary" ? "backup" : "primary";
    const named = (whom: Whom) => (whom === "active" ? active : other);
    const which = "whom" in step ? ` (${named(step.whom)})` : "";
    const count = step.what === "hang" ? `hang ${step.number} of ${options.hangs}: ` : "";
    const atMs = Date.now() - startedAt;
    options.onProgress?.(`${(atMs / 1000).toFixed(1).padStart(6)} s  ${count}${describeStep(step)}${which}`);
    stage.happened.push({ step, active, at: Date.now() });
    beside(stage, act(stage, step, named));
  }
  await Promise.all(stage.pending);
  if (stage.troubles.length > 0) throw new AggregateError(stage.troubles, "the campaign itself failed");
}

function completeRun(
  github: GitHub,
  { action, run }: { action: "requested" | "completed"; run: PlannedRun },
) {
  github.completeRun({
    repository: run.repository,
    branch: run.branch,
    runId: run.id,
    action,
    ...(action === "completed" && { guid: run.guid }),
    ...(run.kind === "failure" && { conclusion: "failure" }),
    ...(run.kind === "fork" && { fork: true }),
  });
}

async function act(stage: Stage, step: Exclude<Step, { what: "run" }>, named: (whom: Whom) => InstanceName) {
  const { github, host, instances, proxy } = stage;
  switch (step.what) {
    case "hang":
      stage.wake = instances.freeze(named(step.whom));
      await sleep(step.forMs);
      return stage.wake();
    case "kill":
      return instances.kill(named(step.whom));
    case "switchover": {
      // Whoever is to be the active one is asked itself.
      const to = named(step.to);
      return host.admin(to, "POST", "/api/switchover", { to, reason: "the campaign" });
    }
    case "unpin":
      return host.admin(named("active"), "DELETE", "/api/switchover");
    case "lose_patch_answers": {
      const fault = github.faults.add({ kind: "lost-answer" }, { route: "PATCH /app/hook/config" });
      await sleep(step.forMs);
      return fault.clear();
    }
    case "fail_log":
      github.faults.add(
        { kind: "status", status: 502 },
        { route: "GET /app/hook/deliveries", times: step.times },
      );
      return;
    case "lag":
      Object.assign(github.settings, { deliveryListLagMs: step.logMs, runListLagMs: step.runsMs });
      return;
    case "break_store":
      return breakStore(host, proxy, step);
  }
}

/** An instance that hangs, or is down, answers no request of the campaign's: that is no trouble. */
function beside({ pending, troubles }: Stage, work: Promise<unknown>): void {
  const done = work
    .catch((error: Error) => {
      if (error.message !== "fetch failed") troubles.push(error);
    })
    .finally(() => pending.delete(done));
  pending.add(done);
}

function activeOf({ github, host }: Stage): InstanceName {
  return github.hook.config.url.startsWith(host.url("backup", "/")) ? "backup" : "primary";
}

/** Waits until every run is on record and has come to its end, or nothing moves any more. Returns what is on record. */
async function settle(stage: Stage, plan: HangPlan, signal?: AbortSignal): Promise<Deployment[]> {
  const wanted = plan.runs.reduce((sum, { targets }) => sum + targets.length, 0);
  let seen: Deployment[] = [];
  let before = "";
  let changedAt = Date.now();
  let looks = looksAtLog(stage);
  const isStuck = () => {
    const quietMs = Date.now() - changedAt;
    return (
      quietMs > LONGEST_QUIET_MS || (quietMs > STUCK.quietMs && looksAtLog(stage) - looks >= STUCK.looks)
    );
  };
  while (!isStuck()) {
    await sleep(LOOK_MS, undefined, { signal });
    seen = await stage.host.deployments(activeOf(stage)).catch(() => seen);
    if (seen.length >= wanted && seen.every(({ status }) => isFinal(status))) break;
    const now = seen.map(({ status }) => status).join();
    if (now === before) continue;
    before = now;
    changedAt = Date.now();
    looks = looksAtLog(stage);
  }
  return seen;
}

/** How often GitHub's log of deliveries was read: work that a busy machine does late. */
export function looksAtLog({ github }: Pick<Stage, "github">): number {
  return github.requests.filter(({ path, status }) => path === "/app/hook/deliveries" && status === 200)
    .length;
}

function figuresOf({ happened, plan, deliveries, deployments }: HangEvidence): HangReport["figures"] {
  const count = (what: string) => happened.filter(({ step }) => step.what === what).length;
  const queues = new Map(TARGETS.map(({ name, queue }) => [name, queue]));
  const superseded = (queue: string) =>
    deployments.filter(({ status, target }) => status === "superseded" && queues.get(target) === queue)
      .length;
  const guids = new Set(plan.runs.map(({ guid }) => guid));
  const refused = deliveries.filter(({ guid, status }) => guids.has(guid) && status !== "OK");
  return {
    hangs: count("hang"),
    kills: count("kill"),
    switchovers: count("switchover"),
    events: plan.runs.length,
    refused: refused.length,
    deployed: deployments.filter(({ status }) => status === "succeeded").length,
    superseded_all: superseded("all"),
    superseded_latest: superseded("latest"),
  };
}
