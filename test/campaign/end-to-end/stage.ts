import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { WEBHOOK_PATH } from "../../../shared/deployment-request.ts";
import { HttpReceiver } from "../../helpers/alerts/http-receiver.ts";
import { ALERT_SECRET } from "../../helpers/alerts/receivers.ts";
import { endProcess } from "../../helpers/end-process.ts";
import { freePorts } from "../../helpers/free-ports.ts";
import { createDatabase, type PostgresServer } from "../../helpers/postgres.ts";
import { TestHost } from "../../helpers/test-host.ts";
import { type GitHub, startGitHub } from "../../simulator/simulator.ts";
import { DEPLOY_SCRIPT } from "../deploy-script.ts";
import { processesIn } from "../processes.ts";
import { StoreProxy } from "../store-proxy.ts";
import type { Asked } from "./ask.ts";
import type { History } from "./history.ts";
import type { Happened, Held } from "./perform.ts";
import { Service } from "./service.ts";
import { ALL_SOURCES, configs } from "./targets.ts";

/** A PostgreSQL server. Only one that is the round's alone can be stopped and started. */
export type Server = Pick<PostgresServer, "url"> & Partial<Pick<PostgresServer, "pause" | "resume">>;

/** What one round is played on, and what was seen so far. */
export interface Stage {
  github: GitHub;
  host: TestHost;
  service: Service;
  alerts: HttpReceiver;
  proxy: StoreProxy | undefined;
  database: { server: Server; url: string } | undefined;
  happened: Happened[];
  held: Held[];
  /** The last work of each name that goes on beside the others. */
  turns: Map<string, Promise<void>>;
  asked: Asked[];
  /** When each run attempt ended at GitHub, by `id.attempt`. */
  completedAt: Map<string, number>;
  /** Ends the round before its time. */
  signal: AbortSignal;
  close(): Promise<void>;
}

const GITHUB_LATENCY_MS = 20;

/** Sets up GitHub, the host and the receiver of alerts. Nothing of the App runs yet. */
export async function setStage(
  history: History,
  options: { server?: Server; main?: string; signal?: AbortSignal },
): Promise<Stage> {
  const github = await startGitHub({ latencyMs: GITHUB_LATENCY_MS, rateLimits: null });
  for (const source of Object.keys(ALL_SOURCES)) github.addRepository(source.split(" ")[0] as string);
  const { server, main } = options;
  const database = server && { server, url: await createDatabase(server.url) };
  const proxy = database && (await StoreProxy.open(database.url));
  const alerts = new HttpReceiver();
  await alerts.comeUp();
  const ports = await freePorts(2);
  const instances = ["primary", "backup"].map((name, index) => {
    const address = `127.0.0.1:${ports[index]}`;
    return { name, host: hostname(), url: `http://${address}`, listen: address };
  });
  const host = await TestHost.create({
    github,
    ...(proxy && { store: proxy.url }),
    ...(main && { main }),
    script: DEPLOY_SCRIPT,
    targets: configs(),
    env: { ALERT_URL: alerts.url(`/${randomUUID()}`), ALERT_SECRET },
    config: {
      instances,
      failover: history.failover,
      // GitHub's troubles are short here, and so is the patience with them.
      retry: { base_delay: "100ms", max_delay: "1s" },
      circuit_breaker: { timeout: "1s" },
      alerts: [{ type: "webhook", url_env: "ALERT_URL", secret_env: "ALERT_SECRET" }],
    },
  });
  for (const { name, url } of instances) host.urls[name] = url;
  github.hook.config.url = host.url("primary", WEBHOOK_PATH);
  const service = new Service(host, history);
  return {
    github,
    host,
    service,
    alerts,
    proxy,
    database,
    happened: [],
    held: [],
    turns: new Map(),
    asked: [],
    completedAt: new Map(),
    signal: options.signal ?? new AbortController().signal,
    async close() {
      await service.close();
      // An instance whose supervisor was killed, and commands whose worker was.
      for (const left of processesIn(host.directory)) endProcess(left);
      await host.close();
      await proxy?.close();
      await alerts.goDown();
      await github.close();
    },
  };
}
