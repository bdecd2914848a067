import { setTimeout as sleep } from "node:timers/promises";
import { WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import { TestHost } from "../helpers/test-host.ts";
import { startGitHub } from "../simulator/simulator.ts";
import { workflowRunPayload } from "../simulator/workflow-run-payload.ts";
import { startLoops } from "../stress/rounds.ts";

/** A time in which nothing fails, on a machine that is busy. */
export interface CalmOptions {
  seconds: number;
  /** Events per second, all sent to the active instance. */
  rate: number;
  /** How many endless loops run beside the instances. */
  loops: number;
  /** Every how many seconds both instances are frozen together, and for how long (ms); 0: never. */
  freezeEverySeconds: number;
  freezeMs: number;
  /** The configuration's `failover`; the defaults are what is judged. */
  failover?: Record<string, unknown>;
  /** Called with a line for everything that happens. */
  onProgress?: (line: string) => void;
  signal?: AbortSignal;
}

export interface CalmReport {
  /** The changes of the webhook's URL that reached GitHub. No fault called for them. */
  failovers: string[];
  /** Instances that ended, although nobody ended them. */
  died: string[];
  events: number;
  accepted: number;
  freezes: number;
}

/** The time between two batches of events. */
const BATCH_MS = 50;
const ANSWER_LIMIT_MS = 10_000;
/** GitHub's usual time for an answer. */
const GITHUB_LATENCY_MS = 100;

/** Lets both instances work under load for a time, and reports every failover: each is a false alarm. */
export async function runCalm(options: CalmOptions): Promise<CalmReport> {
  const { seconds, rate, loops, freezeEverySeconds, freezeMs, signal } = options;
  const plenty = { app: 1_000_000, installation: 1_000_000 };
  const github = await startGitHub({ latencyMs: GITHUB_LATENCY_MS, rateLimits: plenty });
  const host = await TestHost.create({ github, config: { failover: options.failover ?? {} } });
  github.hook.config.url = host.url("primary", WEBHOOK_PATH);
  const report: CalmReport = { failovers: [], died: [], events: 0, accepted: 0, freezes: 0 };
  const note = (list: string[], line: string) => {
    list.push(line);
    options.onProgress?.(line);
  };
  let busy: ReturnType<typeof startLoops> | undefined;
  const pending = new Set<Promise<void>>();
  try {
    const instances = [await host.start("primary"), await host.start("backup")] as const;
    await Promise.all(["primary", "backup"].map((name) => host.untilReady(name)));
    busy = startLoops(loops);
    let ending = false;
    for (const { pid, ended } of instances)
      void ended.then(({ code, signal: by }) => {
        if (!ending) note(report.died, `process ${pid} ended with code ${code}, signal ${by}`);
      });
    const startedAt = performance.now();
    const known = new Set<unknown>();
    let freezeAt = freezeEverySeconds > 0 ? freezeEverySeconds * 1_000 : Number.POSITIVE_INFINITY;
    for (let now = 0; now < seconds * 1_000; now = performance.now() - startedAt) {
      signal?.throwIfAborted();
      for (const request of github.requests)
        if (request.method === "PATCH" && request.path === "/app/hook/config" && !known.has(request)) {
          known.add(request);
          note(report.failovers, `${Math.round(now / 1_000)} s: the URL was set: ${await whyMoved(host)}`);
        }
      if (now >= freezeAt) {
        freezeAt += freezeEverySeconds * 1_000;
        report.freezes += 1;
        for (const { pid } of instances) process.kill(pid, "SIGSTOP");
        await sleep(freezeMs);
        for (const { pid } of instances) process.kill(pid, "SIGCONT");
      }
      const due = Math.floor((rate * now) / 1_000) - report.events;
      // What was due while they were frozen is not made up for.
      for (let i = 0; i < Math.min(due, rate * 0.2); i++) {
        const sent = send(host, report).finally(() => pending.delete(sent));
        pending.add(sent);
      }
      await sleep(BATCH_MS);
    }
    ending = true;
    return report;
  } finally {
    busy?.stop();
    await Promise.all(pending);
    await host.close();
    await github.close();
  }
}

/** The reason that the instances themselves give for the last change. */
async function whyMoved(host: TestHost): Promise<string> {
  const status = await (await host.admin("primary", "GET", "/api/status")).json();
  return JSON.stringify((status as { last_failover: unknown }).last_failover);
}

/** Sends an event of a branch that nothing deploys: it is judged and recorded like any other. */
async function send(host: TestHost, report: CalmReport): Promise<void> {
  const runId = 1_000_000 + report.events++;
  await host
    .sendEvent("primary", workflowRunPayload({ runId, branch: "other" }), {
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    })
    .then(
      async (answer) => {
        if (answer.ok) report.accepted += 1;
        await answer.body?.cancel();
      },
      () => {},
    );
}
