import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { looksAtLog } from "../hangs.ts";
import { keepHost } from "../keep-host.ts";
import { processesLeftIn } from "../processes.ts";
import type { Violation } from "../verdict.ts";
import { ask } from "./ask.ts";
import type { Bias } from "./bias.ts";
import { collect, type Evidence } from "./evidence.ts";
import { describe } from "./faults.ts";
import { failoverTimes } from "./figures.ts";
import { drawHistory, type History, type Only, type Run, shorten } from "./history.ts";
import { perform } from "./perform.ts";
import { isForGood, judge } from "./rules.ts";
import { type Server, type Stage, setStage } from "./stage.ts";

/** How one round is run. */
export interface RoundOptions {
  seed: number;
  lengthMs: number;
  bias?: Bias;
  only?: Only;
  /** Without it the store is SQLite. */
  server?: Server;
  /** The App's main file, where it is not this folder's. */
  main?: string;
  onProgress?: (line: string) => void;
  signal?: AbortSignal;
  /** A folder into which the host's is copied when a rule does not hold. */
  keepIn?: string;
  /** Without any change for so long something is lost or stuck. */
  quietMs?: number;
}

/** How a round went. */
export interface RoundReport {
  seed: number;
  violations: Violation[];
  seconds: number;
  faults: number;
  /** GitHub's events, and runs of which it sent none. */
  events: number;
  deployments: number;
  /** From each fault that took the active instance until GitHub delivered to another one (ms), by kind. */
  failovers: { what: string; ms: number }[];
}

const LOOK_MS = 1_500;
const QUIET_MS = 150_000;
/** GitHub's log is read once a minute. A busy machine is late, and so is its time to be called stuck. */
const LOG_EVERY_MS = 60_000;
/** The last resort. */
const LONGEST_QUIET_MS = 900_000;
/** Runs whose event GitHub never sent are found by a new controller, or within ten minutes. */
const NEVER_SENT_QUIET_MS = 8_000;
const END_LIMIT_MS = 20_000;

/** Plays the history of a seed, and judges it from outside. */
export async function runRound(options: RoundOptions): Promise<RoundReport> {
  const began = performance.now();
  const history = shorten(drawHistory(options.seed, options.lengthMs, options.bias), options.only);
  const stage = await setStage(history, options);
  try {
    await stage.service.start();
    await play(stage, history, options);
    const { evidence, violations } = await settle(stage, history, options);
    await stage.service.stop();
    const left = await processesLeftIn(stage.host.directory, END_LIMIT_MS);
    if (left.length > 0)
      violations.push({
        rule: "no process is left behind",
        evidence: left.map(({ pid, command }) => `${pid}: ${command}`),
      });
    if (options.keepIn && violations.length > 0) keep(stage, options.keepIn, evidence, violations);
    return {
      seed: options.seed,
      violations,
      seconds: (performance.now() - began) / 1000,
      faults: stage.happened.length,
      events: history.runs.length,
      deployments: evidence?.deployments.length ?? 0,
      failovers: evidence ? failoverTimes(evidence) : [],
    };
  } finally {
    await stage.close();
  }
}

/** Carries out everything at its time, and resolves when all of it is over. */
async function play(stage: Stage, history: History, options: RoundOptions): Promise<void> {
  const startedAt = Date.now();
  const at = (ms: number) =>
    sleep(Math.max(0, startedAt + ms - Date.now()), undefined, { signal: options.signal });
  const works = await Promise.allSettled([
    ...history.runs.map((run) => playRun(stage, run, at)),
    ...history.faults.map(async (fault) => {
      await at(fault.atMs);
      options.onProgress?.(describe(fault));
      await perform(stage, fault);
    }),
  ]);
  // None goes on beside the end of the round.
  for (const work of works) if (work.status === "rejected") throw work.reason;
  stage.github.faults.clear();
}

async function playRun(stage: Stage, run: Run, at: (ms: number) => Promise<void>): Promise<void> {
  const { github, host } = stage;
  const { id: runId, repository, branch, kind, sending, guid } = run;
  const common = { repository, branch, runId, ...(kind === "fork" && { fork: true }) };
  if (run.requestedMs !== null && run.attempt === 1) {
    await at(run.requestedMs);
    github.completeRun({ ...common, action: "requested" });
  }
  if (run.fails) writeFileSync(`${host.traceFile}.fails.${runId}`, "");
  if (run.takesMs !== null) writeFileSync(`${host.traceFile}.takes.${runId}`, `${run.takesMs / 1000}\n`);
  await at(run.completedMs);
  const sent = github.completeRun({
    ...common,
    guid,
    send: sending === "prompt" || sending === "twice",
    ...(kind === "failure" && { conclusion: "failure" }),
  });
  stage.completedAt.set(`${runId}.${run.attempt}`, Date.now());
  const later = async () => {
    if (sending !== "late" && sending !== "twice") return;
    await at(run.completedMs + run.laterMs);
    github.send("workflow_run", sent.event, { guid: sending === "late" ? guid : (run.otherGuid ?? guid) });
  };
  const job = async () => {
    if (!run.job) return;
    await at(run.completedMs + run.job.afterMs);
    stage.asked.push(await ask(stage, run, run.job, sent));
  };
  await Promise.all([later(), job()]);
}

/** Judges again and again, until every rule holds or nothing moves any more. */
async function settle(stage: Stage, history: History, options: RoundOptions) {
  let evidence: Evidence | undefined;
  let violations: Violation[] = [{ rule: "an instance answers", evidence: ["none did"] }];
  let before = "";
  let changedAt = Date.now();
  let restarted = false;
  let looks = looksAtLog(stage);
  const limitMs = options.quietMs ?? QUIET_MS;
  const quietMs = () => Date.now() - changedAt;
  const isStuck = () =>
    quietMs() > LONGEST_QUIET_MS ||
    (quietMs() > limitMs && looksAtLog(stage) - looks >= Math.floor(limitMs / LOG_EVERY_MS));
  while (!isStuck()) {
    try {
      evidence = await collect(stage, history);
      violations = judge(evidence);
    } catch (error) {
      if (options.signal?.aborted) throw error;
      violations = [{ rule: "an instance answers", evidence: [(error as Error).message] }];
    }
    if (violations.length === 0 || isForGood(violations)) break;
    const now = JSON.stringify([
      violations.map(({ rule, evidence: { length } }) => [rule, length]),
      evidence?.deployments.map(({ status, attempt }) => [status, attempt]),
      [...(evidence?.shown.values() ?? [])].flat(2).length,
    ]);
    if (now !== before) {
      changedAt = Date.now();
      looks = looksAtLog(stage);
      for (const { rule, evidence: found } of violations)
        options.onProgress?.(`${rule}: ${found.length}, such as ${found[0]?.slice(0, 150)}`);
    }
    before = now;
    if (!restarted && evidence && quietMs() > NEVER_SENT_QUIET_MS && onlyNeverSent(evidence, violations)) {
      restarted = true;
      options.onProgress?.("what GitHub never sent is left: the service restarts");
      await stage.service.stop();
      await stage.service.start();
      changedAt = Date.now();
    }
    await sleep(LOOK_MS, undefined, { signal: options.signal });
  }
  return { evidence, violations };
}

/** Whether all that is missing are runs of which GitHub sent no event. */
function onlyNeverSent({ history }: Evidence, violations: readonly Violation[]): boolean {
  const never = new Set(history.runs.filter(({ sending }) => sending === "never").map(({ id }) => id));
  return violations.every(({ evidence }) =>
    evidence.every((line) => {
      const [, id] = /^lost: \S+ (\d+)\./.exec(line) ?? [];
      return id !== undefined && never.has(Number(id));
    }),
  );
}

function keep(stage: Stage, into: string, evidence: Evidence | undefined, violations: Violation[]): void {
  const log = evidence?.log.map(({ guid, status_code, sentAt, endedAt, url, action, request }) => {
    const run = (request.payload.workflow_run ?? {}) as { id?: number; run_attempt?: number };
    return { guid, status_code, sentAt, endedAt, url, action, run: run.id, attempt: run.run_attempt };
  });
  const { history, happened, held, asked, deployments, alerts, urls } = evidence ?? {};
  keepHost(stage.host, into, {
    violations,
    evidence: { history, happened, held, asked, deployments, alerts, urls, log },
    requests: stage.github.requests.map(({ body: _, ...rest }) => rest),
  });
}
