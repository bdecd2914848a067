import { createHmac, randomUUID } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { mainFile } from "../../app/bundle/entry-points.ts";
import type { Clock } from "../../app/clock.ts";
import { hostId } from "../../app/run/host-id.ts";
import { isAlive, signalGroup } from "../../app/run/process-identity.ts";
import { RunRegistry } from "../../app/run/run-registry.ts";
import { signDelivery } from "../../shared/delivery-signature.ts";
import type { Deployment } from "../../shared/deployment.ts";
import { DEPLOYMENTS_PATH, WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import type { GitHub } from "../simulator/simulator.ts";
import { atTestFailure } from "./at-test-end.ts";
import { endProcess } from "./end-process.ts";
import { freePorts } from "./free-ports.ts";
import type { InProcessInstance } from "./in-process-instance.ts";
import { PATIENCE_MS } from "./patience.ts";
import { AppProcess, type StartedInstance } from "./process.ts";
import { UNHURRIED } from "./thresholds.ts";

/** How often to look whether an instance is ready. */
const READY_LOOK_MS = 20;
const MAIN = fileURLToPath(mainFile("app"));
/** How many lines of a log are shown where a test fails. */
const LAST_LINES = 25;
export const ADMIN_TOKEN = "admin-token-of-the-test";
export const DELIVERY_SECRET = `whsec_${Buffer.from("a delivery secret of a test, 32 b").toString("base64")}`;

/** What a command of a test notes of itself: `start` and `end` lines in a file, in the order of writing. */
export interface TraceLine {
  what: "start" | "end";
  deployment: string;
  attempt: number;
  runId: number;
  sha: string;
  at: number;
}

/**
 * A deploy script that notes when it starts and ends; in between it takes as long as STEP_SECONDS says, and goes on
 * until the file UNTIL_FILE exists, if there is such a variable.
 */
const SCRIPT = `#!/bin/sh
note() { echo "$1 $TWINHOOK_DEPLOYMENT_ID $TWINHOOK_ATTEMPT $TWINHOOK_RUN_ID $TWINHOOK_SHA $(date +%s%N)" >> "$TRACE_FILE"; }
note start
echo "deploying $TWINHOOK_SHA"
sleep "\${STEP_SECONDS:-0}"
[ -z "$UNTIL_FILE" ] || until [ -e "$UNTIL_FILE" ]; do sleep 0.05; done
note end
`;

export interface TestHostOptions {
  github: Pick<GitHub, "environment" | "app">;
  /** `sqlite:…` (default, in the host's own folder) or a PostgreSQL URL. */
  store?: string;
  instances?: string[];
  /** Targets; each is completed with the defaults of a target that runs the tracing script. */
  targets?: Record<string, unknown>[];
  /** Further keys of the configuration file. Default of `failover` is `UNHURRIED`. */
  config?: Record<string, unknown>;
  /** The text of `deploy.sh`; default: a script that only notes when it starts and ends. */
  script?: string;
  env?: Record<string, string>;
  /** A command through which instances are started, such as `ip netns exec NAME`. */
  through?: string[];
  /** The App's main file; default: that of this folder, or its bundle. */
  main?: string;
}

/** A server as a team would have it: a folder with a configuration and a deploy script, and instances. */
export class TestHost {
  readonly directory = mkdtempSync(join(tmpdir(), "twinhook-"));
  readonly siteDirectory = join(this.directory, "site");
  readonly traceFile = join(this.directory, "trace");
  readonly configFile = join(this.directory, "twinhook.yml");
  readonly urls: Record<string, string> = {};
  readonly env: NodeJS.ProcessEnv;
  readonly webhookSecret: string;
  /** What was started here, in processes of their own or not. */
  readonly started: StartedInstance[] = [];
  readonly processes: AppProcess[] = [];
  readonly #through: readonly string[];
  readonly #main: string;

  private constructor({ github, store, env, through = [], main = MAIN }: TestHostOptions) {
    this.#through = through;
    this.#main = main;
    this.webhookSecret = github.app.webhookSecret;
    this.env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      ...github.environment(),
      TWINHOOK_CONFIG: this.configFile,
      TWINHOOK_ADMIN_TOKEN: ADMIN_TOKEN,
      SITE_DELIVERY_SECRET: DELIVERY_SECRET,
      ...(store ? { DATABASE_URL: store } : {}),
      ...env,
    };
  }

  static async create(options: TestHostOptions): Promise<TestHost> {
    const host = new TestHost(options);
    atTestFailure(() => host.#printLogs());
    const names = options.instances ?? ["primary", "backup"];
    const ports = await freePorts(names.length);
    mkdirSync(host.siteDirectory);
    writeFileSync(join(host.siteDirectory, "deploy.sh"), options.script ?? SCRIPT);
    chmodSync(join(host.siteDirectory, "deploy.sh"), 0o755);
    writeFileSync(host.traceFile, "");
    const instances = names.map((name, index) => {
      const url = `http://127.0.0.1:${ports[index]}`;
      host.urls[name] = url;
      return { name, url, listen: `127.0.0.1:${ports[index]}` };
    });
    const targets = (options.targets ?? [{}]).map((target) => ({
      repository: "acme/site",
      environment: "production",
      workflow: ".github/workflows/ci.yml",
      run: ["./deploy.sh"],
      directory: host.siteDirectory,
      queue: "all",
      approval: "none",
      action: { secret_env: "SITE_DELIVERY_SECRET" },
      ...target,
      env: { TRACE_FILE: host.traceFile, ...((target.env as object | undefined) ?? {}) },
    }));
    writeFileSync(host.configFile, stringify({ instances, targets, failover: UNHURRIED, ...options.config }));
    return host;
  }

  /** Starts a process of the App with these arguments. */
  spawn(args: readonly string[], env: NodeJS.ProcessEnv = {}): AppProcess {
    const started = new AppProcess(
      [this.#main, ...args],
      { cwd: this.directory, env: { ...this.env, ...env } },
      this.#through,
    );
    this.started.push(started);
    this.processes.push(started);
    return started;
  }

  /** Starts an instance as a process, which can be killed and frozen. Resolves when it listens. */
  async start(name: string, env: NodeJS.ProcessEnv = {}): Promise<AppProcess> {
    const started = this.spawn(["--instance", name], env);
    await started.line(({ msg }) => msg === "listening");
    return started;
  }

  /**
   * Starts an instance in the test's own process, for a fraction of the cost. Resolves when it listens. A clock of the
   * test's is for instances on SQLite: PostgreSQL has one of its own.
   */
  async startInProcess(name: string, env: NodeJS.ProcessEnv = {}, clock?: Clock): Promise<InProcessInstance> {
    // Loaded by those alone who need it: it is all of the App.
    const { InProcessInstance } = await import("./in-process-instance.ts");
    const started = await InProcessInstance.start(name, { ...this.env, ...env }, clock);
    this.started.push(started);
    return started;
  }

  url(instance: string, path = ""): string {
    return `${this.urls[instance]}${path}`;
  }

  /** Sends an event to an instance, signed as GitHub signs it. */
  sendEvent(
    instance: string,
    payload: unknown,
    { event = "workflow_run", guid = randomUUID(), headers = {}, signal }: SendOptions = {},
  ): Promise<Response> {
    const body = JSON.stringify(payload);
    const signature = createHmac("sha256", this.webhookSecret).update(body).digest("hex");
    return untilCommitted(this.url(instance, WEBHOOK_PATH), {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": guid,
        "x-hub-signature-256": `sha256=${signature}`,
        ...headers,
      },
      ...(signal && { signal }),
    });
  }

  /** Resolves with what an instance answers once it is ready; on a busy machine it may be late at times. */
  async untilReady(instance: string): Promise<unknown> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      const answer = await fetch(this.url(instance, "/readyz"));
      if (answer.status === 200) return answer.json();
      if (performance.now() > until) throw new Error(`${instance} is not ready: ${await answer.text()}`);
      await answer.body?.cancel();
      await setTimeout(READY_LOOK_MS);
    }
  }

  /** Calls the API as the admin. */
  async admin(instance: string, method: string, path: string, body?: unknown): Promise<Response> {
    return untilCommitted(this.url(instance, path), {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** Sends a deployment request, signed as the Action signs it. */
  request(instance: string, body: unknown, secret = DELIVERY_SECRET): Promise<Response> {
    const text = JSON.stringify(body);
    return untilCommitted(this.url(instance, DEPLOYMENTS_PATH), {
      method: "POST",
      headers: { "content-type": "application/json", ...signDelivery(secret, text) },
      body: text,
    });
  }

  /** All deployments, oldest first. */
  async deployments(instance: string): Promise<Deployment[]> {
    const all: Deployment[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const answer = await this.admin(instance, "GET", `${DEPLOYMENTS_PATH}?per_page=100${query}`);
      const page = (await answer.json()) as { items: Deployment[]; next_cursor: string | null };
      all.push(...page.items);
      cursor = page.next_cursor;
    }
    return all.reverse();
  }

  /** Resolves with the deployment as soon as `wanted` accepts it, by long polls. */
  async deployment(
    instance: string,
    id: string,
    wanted: (deployment: Deployment) => boolean,
  ): Promise<Deployment> {
    const until = performance.now() + PATIENCE_MS;
    for (let wait = 0; ; wait = 1) {
      const answer = await this.admin(instance, "GET", `${DEPLOYMENTS_PATH}/${id}?wait=${wait}`);
      const deployment = (await answer.json()) as Deployment;
      if (wanted(deployment)) return deployment;
      if (performance.now() > until)
        throw new Error(`not so within ${PATIENCE_MS} ms: ${JSON.stringify(deployment, null, 2)}`);
    }
  }

  /** What the commands noted of themselves so far. */
  trace(): TraceLine[] {
    return readFileSync(this.traceFile, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [what, deployment, attempt, runId, sha, at] = line.split(" ") as [
          string,
          string,
          string,
          string,
          string,
          string,
        ];
        return {
          what: what as TraceLine["what"],
          deployment,
          attempt: Number(attempt),
          runId: Number(runId),
          sha,
          at: Number(BigInt(at) / 1_000n) / 1_000,
        };
      });
  }

  /** Where this host's locks and process registry are. */
  get stateDirectory(): string {
    return join(this.directory, "data");
  }

  get hostId(): string {
    return hostId(this.stateDirectory);
  }

  /** The runner processes that are at work now. */
  busyRunners() {
    if (!existsSync(this.stateDirectory)) return [];
    const registry = new RunRegistry(this.stateDirectory);
    // The request's payload lies there from the claim to the end.
    return registry
      .runners()
      .filter(({ holder, runner }) => existsSync(registry.payloadFile(holder)) && isAlive(runner));
  }

  /** Prints how the log of each instance ends: the cause of a failure is often there alone. */
  #printLogs(): void {
    for (const { lines } of this.started) {
      const last = lines.slice(-LAST_LINES).map((line) => JSON.stringify(line));
      console.error(`The last lines of an instance's log:\n${last.join("\n")}`);
    }
  }

  /** Ends everything that was started here, and removes the folder. */
  async close(): Promise<void> {
    await Promise.all(this.started.map((started) => started.kill()));
    for (const { runner, command } of this.busyRunners()) {
      endProcess(runner);
      if (command && isAlive(command)) signalGroup(command, "SIGKILL");
    }
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** Asks again where an instance had no time to commit (503, "slow"): that tells of the machine alone. */
async function untilCommitted(url: string, init: RequestInit): Promise<Response> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await fetch(url, init);
    if (answer.status !== 503 || performance.now() > until) return answer;
    if (!(await answer.clone().text()).includes("(slow)")) return answer;
  }
}

interface SendOptions {
  event?: string;
  guid?: string;
  headers?: Record<string, string>;
  /** Ends the waiting for the answer. */
  signal?: AbortSignal;
}
