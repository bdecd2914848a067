import { setTimeout as sleep } from "node:timers/promises";
import { WEBHOOK_PATH } from "../../../shared/deployment-request.ts";
import type { AppProcess } from "../../helpers/process.ts";
import { ADMIN_TOKEN, TestHost } from "../../helpers/test-host.ts";
import type { GitHub } from "../../simulator/simulator.ts";
import { Haproxy, hasHaproxy } from "./haproxy.ts";

const REPOSITORY = "acme/site";
/** GitHub sends an event this often, and takes this long to answer. */
const EVENT_EVERY_MS = 50;
const GITHUB_LATENCY_MS = 300;
/** What GitHub could not deliver must be deployed by then. */
const CATCH_UP_LIMIT_MS = 120_000;
const LOOK_MS = 50;

/** Deployments that are as short as can be. */
const SCRIPT = `#!/bin/sh
echo "start $TWINHOOK_DEPLOYMENT_ID 1 $TWINHOOK_RUN_ID - 0" >> "$TRACE_FILE"
`;

export type Fault = "SIGKILL" | "SIGSTOP";

/** What one kind of fault cost: milliseconds, one number per round. */
export interface FailoverTimes {
  fault: Fault;
  /** From the signal to the arrival of the PATCH at GitHub. */
  patch: number[];
  /** From the signal until requests through HAProxy succeed again; empty where there is no HAProxy. */
  haproxy: number[];
  /** Events that GitHub sent, and those that it could not deliver. */
  events: number;
  failed: number;
  /** How many were deployed, each once and in order of their runs, when all was caught up. */
  deployed: number;
}

/** Rounds in which the active instance is killed or frozen while events arrive. */
export async function measureFailover(
  github: GitHub,
  options: { kills: number; freezes: number },
  note: (line: string) => void,
): Promise<FailoverTimes[]> {
  const host = await TestHost.create({ github, script: SCRIPT, config: { failover: {} } });
  const bench = new FailoverBench(github, host);
  const latency = github.latencyMs;
  github.latencyMs = GITHUB_LATENCY_MS;
  github.hook.config.url = host.url("primary", WEBHOOK_PATH);
  try {
    await bench.start("primary");
    await bench.start("backup");
    if (hasHaproxy()) bench.haproxy = await Haproxy.start(host.url("primary"), host.url("backup"));
    else note("HAProxy is left out: there is no `haproxy` on the PATH");
    return [
      await bench.measure("SIGKILL", options.kills, note),
      await bench.measure("SIGSTOP", options.freezes, note),
    ];
  } finally {
    await bench.haproxy?.stop();
    await host.close();
    github.latencyMs = latency;
  }
}

class FailoverBench {
  haproxy: Haproxy | undefined;
  #github: GitHub;
  #host: TestHost;
  #processes = new Map<string, AppProcess>();

  constructor(github: GitHub, host: TestHost) {
    this.#github = github;
    this.#host = host;
  }

  async start(name: string): Promise<void> {
    this.#processes.set(name, await this.#host.start(name));
  }

  async measure(fault: Fault, rounds: number, note: (line: string) => void): Promise<FailoverTimes> {
    const times: FailoverTimes = { fault, patch: [], haproxy: [], events: 0, failed: 0, deployed: 0 };
    const runs = new Set<number>();
    const before = this.#host.trace().length;
    for (let round = 1; round <= rounds; round++) {
      const { patch, haproxy, sent } = await this.#round(fault, round % 2 === 0);
      for (const id of sent) runs.add(id);
      times.patch.push(patch);
      if (haproxy !== undefined) times.haproxy.push(haproxy);
      note(`${fault} ${round} of ${rounds}: ${Math.round(patch)} ms`);
    }
    times.events = runs.size;
    const isFailed = ({ event, status, request }: GitHub["deliveries"][number]) =>
      event === "workflow_run" &&
      status !== "OK" &&
      runs.has((request.payload as { workflow_run: { id: number } }).workflow_run.id);
    times.failed = this.#github.deliveries.filter(isFailed).length;
    const trace = () =>
      this.#host
        .trace()
        .slice(before)
        .map(({ runId }) => runId);
    const until = Date.now() + CATCH_UP_LIMIT_MS;
    while (trace().length < runs.size && Date.now() < until) await sleep(LOOK_MS);
    const deployed = trace();
    const inOrder = deployed.every((id, index) => index === 0 || id > (deployed[index - 1] as number));
    times.deployed = inOrder ? deployed.length : Number.NaN;
    return times;
  }

  /** One failover from the primary to the backup, under events, and everything back to where it was. */
  async #round(
    fault: Fault,
    controlling: boolean,
  ): Promise<{ patch: number; haproxy: number | undefined; sent: number[] }> {
    if (controlling) await this.#makePrimaryControl();
    await this.#untilReady();
    const sent: number[] = [];
    const sending = setInterval(
      () => sent.push(this.#github.completeRun({ repository: REPOSITORY }).run.id),
      EVENT_EVERY_MS,
    );
    await sleep(400 + Math.random() * 700);
    const primary = this.#processes.get("primary") as AppProcess;
    const backupUrl = this.#host.url("backup", WEBHOOK_PATH);
    const at = performance.now();
    process.kill(primary.pid, fault);
    const [patch, haproxy] = await Promise.all([
      this.#github
        .waitFor((change) => {
          const request = change?.subject as { method?: string; body?: string | null } | undefined;
          return (
            change?.type === "request" && request?.method === "PATCH" && request.body?.includes(backupUrl)
          );
        }, 30_000)
        .then(() => performance.now() - at),
      this.haproxy?.firstServedBy("backup").then(() => performance.now() - at),
    ]);
    await this.#github.waitFor(() => this.#github.hook.config.url === backupUrl, 30_000);
    await sleep(500);
    clearInterval(sending);
    await primary.kill("SIGKILL");
    await this.#github.waitFor(() => this.#github.deliveriesInFlight === 0, 30_000);
    await this.#untilOnRecord(sent);
    await this.start("primary");
    return { patch, haproxy, sent };
  }

  /** In every other round the active instance is the controller as well, so that both must be noticed to be gone. */
  async #makePrimaryControl(): Promise<void> {
    await this.#processes.get("backup")?.kill("SIGKILL");
    await this.start("backup");
    await this.#until(({ controller }) => controller === "primary");
  }

  /** Both are well and known to each other, and GitHub, like HAProxy, has come back to the primary. */
  async #untilReady(): Promise<void> {
    await this.#until(({ endpoints }) =>
      endpoints.every(({ seen_by }) => ["primary", "backup"].every((name) => seen_by[name] === "healthy")),
    );
    await this.#admin("POST", "/api/switchover", { to: "primary" });
    await this.#until(({ active, webhook }) => active === "primary" && webhook.in_sync);
    await this.#admin("DELETE", "/api/switchover");
    await this.haproxy?.untilServedBy("primary");
  }

  /** Every one of these runs is on record, also those whose event GitHub could not deliver. */
  async #untilOnRecord(runs: readonly number[]): Promise<void> {
    const until = Date.now() + CATCH_UP_LIMIT_MS;
    for (;;) {
      const known = new Set((await this.#host.deployments("backup")).map(({ run_id }) => run_id));
      if (runs.every((id) => known.has(id))) return;
      if (Date.now() > until) throw new Error("what GitHub could not deliver was not caught up");
      await sleep(LOOK_MS * 4);
    }
  }

  async #until(wanted: (status: Status) => boolean): Promise<void> {
    const until = Date.now() + CATCH_UP_LIMIT_MS;
    for (;;) {
      const status = (await (await this.#admin("GET", "/api/status")).json()) as Status;
      if (wanted(status)) return;
      if (Date.now() > until) throw new Error(`${wanted} was not met: ${JSON.stringify(status)}`);
      await sleep(LOOK_MS);
    }
  }

  #admin(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(this.#host.url("backup", path), {
      method,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}

interface Status {
  controller: string | null;
  active: string;
  endpoints: { seen_by: Record<string, string> }[];
  webhook: { in_sync: boolean };
}
