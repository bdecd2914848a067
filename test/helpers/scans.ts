import { pino } from "pino";
import { onTestFinished } from "vitest";
import { Acceptor } from "../../app/accept/acceptor.ts";
import { registerTargets } from "../../app/accept/register-targets.ts";
import type { RepositoryNames } from "../../app/accept/repository-names.ts";
import { KnownRuns } from "../../app/auth/known-runs.ts";
import { JobRights } from "../../app/auth/oidc/job-rights.ts";
import { TokenVerifier } from "../../app/auth/oidc/token-verifier.ts";
import { parkedProofVerifier } from "../../app/auth/parked-proof.ts";
import { DeliveryHealth } from "../../app/catch-up/delivery-health.ts";
import { Scans } from "../../app/catch-up/scans.ts";
import { readEnvironment } from "../../app/config/environment/environment.ts";
import type { TargetConfig } from "../../app/config/schema.ts";
import { ControllerLease } from "../../app/failover/controller-lease.ts";
import { EventBus } from "../../app/failover/event-bus.ts";
import { githubApp } from "../../app/github/app.ts";
import { CallBudget } from "../../app/github/call-budget.ts";
import { DeliveryLogClient } from "../../app/github/delivery-log.ts";
import { RepositoryAccess } from "../../app/github/repository-access.ts";
import type { RequestRecord } from "../simulator/answer-request.ts";
import type { CompleteRunOptions } from "../simulator/complete-run.ts";
import { type GitHubOptions, startGitHub } from "../simulator/simulator.ts";
import { testTarget } from "./arrivals.ts";
import { SleepersClock } from "./sleepers-clock.ts";
import { type Engine, newStore } from "./stores.ts";
import { DELIVERY_SECRET } from "./test-host.ts";

/** The controller's scans of a simulated GitHub, whose hour passes by the same clock. Nobody runs deployments. */
export async function setScans(
  engine: Engine,
  options: { targets?: TargetConfig[]; names?: RepositoryNames; github?: GitHubOptions } = {},
) {
  const { targets = [testTarget({ queue: "all" })] } = options;
  const clock = new SleepersClock();
  // Tokens are signed with the real time, so that GitHub lives by it until a test moves both.
  const github = await startGitHub(options.github);
  onTestFinished(() => github.close());
  const repositories = new Set(targets.map(({ repository }) => repository));
  for (const repository of repositories) github.addRepository(repository);
  const store = await newStore(engine);
  await registerTargets(store, targets, github.clock.now());
  const lines: { msg: string }[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const { environment } = readEnvironment(github.environment());
  const budget = new CallBudget(clock);
  const newApp = () => githubApp(environment, github.app.webhookSecret, log, (call) => budget.note(call));
  const access = new RepositoryAccess(newApp, clock, options.names);
  const acceptor = new Acceptor({ store, clock, instance: "backup", onQueued: () => {} });
  const samples: { endpoint: string; ok: boolean }[] = [];
  const bus = new EventBus();

  /** The scans of one more process of the App, which has become the controller. */
  async function start(holder = "backup") {
    const lease = new ControllerLease({
      store,
      clock,
      ttlMs: 7 * 24 * 60 * 60_000,
      candidate: { holder, instance: holder, host: "host-1" },
    });
    await lease.acquire(() => true);
    const scans = new Scans({
      store,
      clock,
      log,
      bus,
      targets,
      names: options.names,
      acceptor,
      access,
      budget,
      lease,
      verifyProof: parkedProofVerifier({
        secret: (variable) => (variable === "SITE_DELIVERY_SECRET" ? DELIVERY_SECRET : undefined),
        tokens: new TokenVerifier({ issuer: github.oidc.issuer, audience: "twinhook", clock }),
        audience: "twinhook",
        jobs: new JobRights({ access, clock, ...(options.names && { names: options.names }) }),
        runs: new KnownRuns(store, { access, clock }),
      }),
      deliveries: new DeliveryLogClient({ app: newApp(), clock, budget, log }),
      health: new DeliveryHealth({
        store,
        clock,
        delivered: (endpoint, ok) => void samples.push({ endpoint, ok }),
      }),
    });
    onTestFinished(() => scans.close());
    return scans;
  }

  return {
    github,
    store,
    clock,
    targets,
    lines,
    samples,
    bus,
    acceptor,
    newApp,
    access,
    budget,
    start,
    /** Sends events that are nobody's concern, and resolves when GitHub has logged that nobody took them. */
    async sendOthers(count: number) {
      await Promise.all(Array.from({ length: count }, () => github.send("ping", {}).done));
    },
    /** So many runs complete, one after the other, and nobody takes their events. */
    async completeRuns(count: number, given: Partial<CompleteRunOptions> = {}) {
      const runs = Array.from({ length: count }, () =>
        github.completeRun({ repository: "acme/site", ...given }),
      );
      await Promise.all(runs.map(({ done }) => done));
      return runs.map(({ run }) => run.id);
    },
    /** Scans everywhere. Resolves when that is done, with the time until the next scan. */
    async scan() {
      const scans = await start();
      void scans.everywhere();
      const pause = await clock.asleep();
      return { scans, pause };
    },
    deployments: () =>
      store.read
        .selectFrom("deployments")
        .select(["run_id", "run_attempt", "target", "status", "source", "github_deployment_id"])
        .orderBy("seq")
        .execute(),
    deliveries: () => store.read.selectFrom("deliveries").selectAll().execute(),
    lastScan: (name = "catch_up") =>
      store.read.selectFrom("looks").selectAll().where("name", "=", name).executeTakeFirst(),
    /** The API requests that this route got (`*` stands for digits). */
    requests(route: string): RequestRecord[] {
      const pattern = new RegExp(`^${route.replaceAll("*", "\\d+")}$`);
      return github.requests.filter(({ method, path }) => pattern.test(`${method} ${path}`));
    },
  };
}
