import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Logger } from "pino";
import { Acceptor } from "./accept/acceptor.ts";
import { RepositoryNames } from "./accept/repository-names.ts";
import { watchTargets } from "./accept/watch-targets.ts";
import { Alerts } from "./alerts/alerts.ts";
import type { Clock } from "./clock.ts";
import { linkBase } from "./config/link-base.ts";
import type { Config } from "./config/load.ts";
import { Broadcast } from "./failover/broadcast.ts";
import { DeliveryHealth } from "./failover/delivery-health.ts";
import { Failover } from "./failover/failover.ts";
import { GitHubReach } from "./failover/github-reach.ts";
import { Notices } from "./failover/notices.ts";
import { RecurringLooks } from "./failover/recurring-looks.ts";
import { linesOf } from "./failover/renamed.ts";
import { RepositoryScan } from "./failover/repository-scan.ts";
import { Retention } from "./failover/retention.ts";
import { RunGaps } from "./failover/run-gaps.ts";
import { TagNames } from "./failover/tag-names.ts";
import { githubApp } from "./github/app.ts";
import { CallBudget } from "./github/call-budget.ts";
import { DeliveryLogClient } from "./github/delivery-log.ts";
import { GitHubDeployments } from "./github/deployments.ts";
import { githubTime } from "./github/github-time.ts";
import { Outbox } from "./github/outbox.ts";
import { connectable, reachable } from "./github/reachable.ts";
import { RepositoryAccess } from "./github/repository-access.ts";
import { RepositoryHooksClient } from "./github/repository-hooks.ts";
import { WebhookConfigClient } from "./github/webhook-config.ts";
import { EndedDeployments } from "./metrics/ended-deployments.ts";
import { MeasuredStore } from "./metrics/measured-store.ts";
import { Metrics } from "./metrics/metrics.ts";
import { GITHUB_OUTBOX } from "./queue/claim-announcement.ts";
import { releaseOutbox } from "./queue/outbox-lease.ts";
import { instanceRoutes } from "./routes/instance-routes.ts";
import { Dispatcher } from "./run/dispatcher.ts";
import { endFrozenHolder } from "./run/frozen-lock.ts";
import { hostId } from "./run/host-id.ts";
import { takeInstanceName } from "./run/instance-lock.ts";
import { lockDirectory } from "./run/os-lock.ts";
import { narrow } from "./run/private-files.ts";
import { RunRegistry } from "./run/run-registry.ts";
import { RunnerPool } from "./run/runner-pool.ts";
import { onceAvailable } from "./store/once-available.ts";
import { openStore } from "./store/open-store.ts";
import { repositoryKey } from "./store/repository-key.ts";
import { namesOf } from "./store/sqlite/put-back.ts";
import { KnownRuns } from "./web/known-runs.ts";
import { leftProofJudge } from "./web/left-proof.ts";
import { listen, stopListening } from "./web/listen.ts";
import { JobRights } from "./web/oidc/job-rights.ts";
import { TokenVerifier } from "./web/oidc/token-verifier.ts";
import { createWebServer, type RequestHandler } from "./web/server.ts";

/** A running instance of the App. */
export interface Instance {
  name: string;
  /** Where it really listens. */
  address: { host: string; port: number };
  /** What it answers. */
  routes: RequestHandler["routes"];
  /**
   * Takes in nothing more, answers what it has taken in, and lets go of everything. Runners go on: their
   * deployments are not the instance's. With `all`, every instance of this host is being stopped.
   */
  stop(how?: { all?: boolean }): Promise<void>;
  /** Another instance of this host is known to be gone, and why. */
  peerEnded(name: string, reason: string): void;
}

/**
 * Starts one instance: opens the store, takes the instance's name, and listens.
 * @throws {InstanceRunsError} when the name is taken, {StoreUnavailableError} when the store cannot be opened,
 * and waiting does not help.
 */
export async function startInstance(options: {
  config: Config;
  name: string;
  clock: Clock;
  log: Logger;
  env: NodeJS.ProcessEnv;
}): Promise<Instance> {
  const { config, name, clock, log, env } = options;
  const { environment, stateDirectory, targets } = config;
  const self = config.instances.find((instance) => instance.name === name);
  if (!self) throw new Error(`there is no instance named ${name} in ${config.file}`);

  const identity = takeInstanceName(stateDirectory, name);
  const files = ["host-id", "locks", "runs", "compile-cache"].map((file) => join(stateDirectory, file));
  if (config.store.engine === "sqlite") files.push(...namesOf(config.store.path));
  narrow(files, (path, error) => log.warn(`other users may read ${path}: ${error.message}`));
  const host = hostId(stateDirectory);
  const registry = new RunRegistry(stateDirectory);
  const metrics = new Metrics({
    instance: name,
    endpoints: config.instances.map((instance) => instance.name),
    targets,
    channels: [...new Set(config.alerts.map(({ type }) => type))],
    clock,
  });
  const whenAvailable = <T>(act: () => Promise<T>) => onceAvailable(act, { clock, log });
  const opened = await whenAvailable(() =>
    openStore(config.store, { clock, onFrozenLock: (pid) => endFrozenHolder(pid, registry, log) }),
  );
  const store = new MeasuredStore(opened, metrics);
  const ended = new EndedDeployments(store, (deployment) => metrics.ended(deployment));
  await whenAvailable(() => ended.read());

  const reach = new GitHubReach({
    clock,
    probe: () => reachable(environment.githubApiUrl),
    connectable: () => connectable(environment.githubApiUrl),
    onOtherAway: () => void looks.catchUp(),
  });
  const budget = new CallBudget(clock);
  const newApp = (secret: string) =>
    githubApp(environment, secret, log, (call) => {
      budget.note(call);
      metrics.called(call);
      if (call.result === "failed") reach.doubt();
    });
  const secret = environment.webhookSecret as string;
  const previous = environment.webhookSecretPrevious;
  const app = newApp(secret);
  const apps = previous ? ([app, newApp(previous)] as const) : ([app] as const);
  const webhook = new WebhookConfigClient(app, secret);
  const deliveries = new DeliveryLogClient({ app, clock, budget, log });
  const stopping = new AbortController();
  const { timed } = await whenAvailable(() =>
    watchTargets({
      ...{ store, targets, clock, signal: stopping.signal },
      githubTime: () => githubTime(environment.githubApiUrl),
    }),
  );

  const names = new RepositoryNames(targets);
  await whenAvailable(() => names.follow(store, clock, stopping.signal));

  const pageUrl = (id: string) => `${linkBase(config)}/deployments/${id}`;
  const pool = new RunnerPool(
    { type: "prepare", store: config.store, stateDirectory, instance: name },
    log,
    (progress) => metrics.progress(progress),
  );
  const dispatcher = new Dispatcher({
    store,
    clock,
    pool,
    registry,
    host,
    lockDirectory: lockDirectory(stateDirectory),
    targets,
    log,
  });
  const access = new RepositoryAccess(() => newApp(secret), clock);
  const notices = new Notices();
  notices.subscribe((notice) => metrics.noticed(notice));
  const acceptor = new Acceptor({
    store,
    clock,
    instance: name,
    onAccepted: (arrival, accepted) => metrics.accepted(arrival, accepted),
    onQueued: (queued) =>
      dispatcher.offer(
        queued.flatMap(({ repository, targets }) =>
          targets.map(({ name }) => ({ repository, target: name })),
        ),
      ),
  });
  const outbox = new Outbox({
    store,
    clock,
    github: new GitHubDeployments(access),
    access,
    budget,
    retry: config.retry,
    breaker: config.circuit_breaker,
    holder: `${name} ${randomUUID()}`,
    links: (repository, target, id) => ({
      environmentUrl:
        targets.find((t) => repositoryKey(t.repository) === repository && t.name === target)
          ?.environment_url ?? null,
      logUrl: pageUrl(id),
    }),
    onRetry: () => metrics.retried("github_outbox"),
    log,
  });

  const failover = new Failover({
    config,
    self,
    process: identity.process,
    host,
    store,
    clock,
    registry,
    github: webhook,
    reach,
    notices,
    onTakeOver: () => {
      tags.now();
      repositories.now();
      void looks.everywhere();
      broadcast.now();
    },
    onSwitched: () => void looks.catchUp(),
    onChecked: (...check) => metrics.checked(...check),
    storeFails: () => alerts.storeFails,
    log,
  });
  const tokens = new TokenVerifier({ ...config.oidc, clock });
  const jobs = new JobRights({ access, clock, names });
  const runs = new KnownRuns(store, { access, clock });
  const judgeProof = leftProofJudge({
    secret: (variable) => env[variable],
    tokens,
    audience: config.oidc.audience,
    jobs,
    runs,
  });
  const looks = new RecurringLooks({
    store,
    clock,
    log,
    notices,
    targets,
    names,
    acceptor,
    access,
    budget,
    judgeProof,
    lease: failover.controller.lease,
    deliveries,
    health: new DeliveryHealth({
      store,
      clock,
      // Through a shared door anyone answers, and a failure says nothing of the active endpoint.
      delivered: (...sample) => config.door ?? failover.checker.delivered(...sample),
    }),
  });

  const gaps = new RunGaps({
    store,
    clock,
    log,
    targets,
    names,
    acceptor,
    access,
    lease: failover.controller.lease,
    waitMs: config.failover.order_wait,
  });

  const scanning = { store, clock, log, targets, access, budget, lease: failover.controller.lease };
  const tags = new TagNames(scanning);
  const repositories = new RepositoryScan({
    ...scanning,
    linesOf: (key) => linesOf(key, config),
  });
  const retention = new Retention({
    store,
    clock,
    log,
    lease: failover.controller.lease,
    retention: config.retention,
  });
  const broadcast = new Broadcast({
    store,
    clock,
    log,
    hooks: new RepositoryHooksClient(access, secret),
    lease: failover.controller.lease,
    enabled: config.webhook.mode === "broadcast",
    endpoints: config.instances,
    targets,
    secretChanges: previous !== null,
  });

  const alerts = new Alerts({
    config,
    instance: name,
    env,
    store,
    clock,
    access,
    failover,
    notices,
    homeUrl: `${linkBase(config)}/`,
    pageUrl,
    onSent: ({ type }) => metrics.told(type),
    onRetry: () => metrics.retried("alert"),
    log,
  });

  let draining = false;
  const { handle, live, codes } = await instanceRoutes({
    config,
    self,
    env,
    clock,
    log,
    store,
    names,
    acceptor,
    dispatcher,
    failover,
    notices,
    alerts,
    outbox,
    metrics,
    ended,
    apps,
    access,
    webhook,
    deliveries,
    tokens,
    jobs,
    runs,
    judgeProof,
    pageUrl,
    draining: () => draining,
  });
  const { tls } = self;
  const server = createWebServer(handle, { tls, log });
  const door = createWebServer(handle, { tls, log });
  const address = await listen(server, self.listen);
  pool.warm();
  dispatcher.start();
  await releaseOutbox(store, GITHUB_OUTBOX, name);
  outbox.start();
  reach.start();
  failover.start(server);
  gaps.start();
  live.attach(server);
  live.attach(door);
  retention.start();
  await alerts.start();
  if (config.door) await listen(door, config.door.listen, { shared: true });
  await codes.renew().catch((error) => log.warn(`there is no code for the setup page: ${error.message}`));
  log.info({ ...address, url: self.url, ...(config.door && { door: config.door.listen }) }, "listening");

  return {
    name,
    address,
    routes: handle.routes,
    peerEnded: (name, reason) => failover.peerEnded(name, reason),
    async stop(how) {
      stopping.abort();
      const doorClosed = stopListening(door);
      await failover.handOver(how);
      draining = true;
      live.close();
      await Promise.all([
        looks.close(),
        tags.close(),
        repositories.close(),
        gaps.close(),
        broadcast.close(),
        retention.close(),
      ]);
      reach.close();
      await Promise.all([failover.close(), alerts.close()]);
      const closed = stopListening(server);
      server.closeIdleConnections();
      await acceptor.close();
      dispatcher.close();
      await outbox.close();
      // Long polls would hold the connections for up to 25 s; whoever polls asks the twin.
      setTimeout(() => {
        for (const one of [server, door]) one.closeAllConnections();
      }, DRAIN_MS).unref();
      await Promise.all([closed, doorClosed]);
      await timed;
      await store.close();
      identity.lock.release();
      log.info("stopped");
    },
  };
}

/** How long requests that are being answered are waited for. */
const DRAIN_MS = 1_000;
