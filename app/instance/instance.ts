import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Logger } from "pino";
import { Acceptor } from "../accept/acceptor.ts";
import { RepositoryNames } from "../accept/repository-names.ts";
import { watchTargets } from "../accept/watch-targets.ts";
import { Alerts } from "../alerts/alerts.ts";
import { KnownRuns } from "../auth/known-runs.ts";
import { JobRights } from "../auth/oidc/job-rights.ts";
import { TokenVerifier } from "../auth/oidc/token-verifier.ts";
import { parkedProofVerifier } from "../auth/parked-proof.ts";
import type { Clock } from "../clock.ts";
import { linkBase } from "../config/link-base.ts";
import type { Config } from "../config/load.ts";
import { Failover } from "../failover/failover.ts";
import { GitHubReach } from "../failover/github-reach.ts";
import { Notices } from "../failover/notices.ts";
import { githubApp } from "../github/app.ts";
import { CallBudget } from "../github/call-budget.ts";
import { DeliveryLogClient } from "../github/delivery-log.ts";
import { GitHubDeployments } from "../github/deployments.ts";
import { githubTime } from "../github/github-time.ts";
import { Outbox } from "../github/outbox.ts";
import { connectable, reachable } from "../github/reachable.ts";
import { RepositoryAccess } from "../github/repository-access.ts";
import { WebhookConfigClient } from "../github/webhook-config.ts";
import { listen, stopListening } from "../http/listen.ts";
import { createWebServer, type RequestHandler } from "../http/server.ts";
import { EndedDeployments } from "../metrics/ended-deployments.ts";
import { MeasuredStore } from "../metrics/measured-store.ts";
import { Metrics } from "../metrics/metrics.ts";
import { releaseOutbox } from "../outbox/outbox-lease.ts";
import { GITHUB_OUTBOX } from "../queue/claim-announcement.ts";
import { placementOf } from "../queue/placement/placement.ts";
import { Dispatcher } from "../run/dispatcher.ts";
import { endFrozenHolder } from "../run/frozen-lock.ts";
import { hostId } from "../run/host-id.ts";
import { takeInstanceName } from "../run/instance-lock.ts";
import { lockDirectory } from "../run/os-lock.ts";
import { narrow } from "../run/private-files.ts";
import { RunRegistry } from "../run/run-registry.ts";
import { RunnerPool } from "../run/runner-pool.ts";
import { onceAvailable } from "../store/once-available.ts";
import { openStore } from "../store/open-store.ts";
import { repositoryKey } from "../store/repository-key.ts";
import { namesOf } from "../store/sqlite/put-back.ts";
import { ControllerWork } from "./controller-work.ts";
import { instanceRoutes } from "./instance-routes.ts";

/** A running instance of the App. */
export interface Instance {
  name: string;
  /** The real address of its listener. */
  address: { host: string; port: number };
  /** The routes that it answers. */
  routes: RequestHandler["routes"];
  /**
   * Accepts nothing more, answers open requests, and releases all resources. Runners continue: deployments do
   * not depend on their instance. With `all`, every instance of this host is stopping.
   */
  stop(how?: { all?: boolean }): Promise<void>;
  /** Reports that another instance of this host is gone, and why. */
  peerEnded(name: string, reason: string): void;
}

/**
 * Starts one instance: opens the store, takes the instance's name, and listens.
 * @throws {InstanceRunsError} when the name is taken. {StoreUnavailableError} when the store cannot be
 * opened, and waiting does not help.
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
    onOtherAway: () => controllerWork.catchUp(),
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
  const webhook = new WebhookConfigClient(app, () => failover.secretChange.secret);
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
    placementOf: (target) => placementOf(target, config.instances, name),
    tellSuccess: config.alerts.some(({ kinds }) => kinds.includes("deployment_succeeded")),
    log,
  });
  const access = new RepositoryAccess(() => newApp(secret), clock, names);
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
    onTakeOver: () => controllerWork.tookOver(),
    onSwitched: () => controllerWork.catchUp(),
    onSecretAgreed: () => controllerWork.secretAgreed(),
    onChecked: (...check) => metrics.checked(...check),
    storeFails: () => alerts.storeFails,
    log,
  });
  const tokens = new TokenVerifier({ ...config.oidc, clock });
  const jobs = new JobRights({ access, clock, names });
  const runs = new KnownRuns(store, { access, clock });
  const verifyProof = parkedProofVerifier({
    secret: (variable) => env[variable],
    tokens,
    audience: config.oidc.audience,
    jobs,
    runs,
  });
  const controllerWork = new ControllerWork({
    config,
    instance: name,
    store,
    clock,
    log,
    notices,
    names,
    acceptor,
    access,
    budget,
    deliveries,
    failover,
    verifyProof,
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
    verifyProof,
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
  controllerWork.start();
  live.attach(server);
  live.attach(door);
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
      await controllerWork.close();
      reach.close();
      await Promise.all([failover.close(), alerts.close()]);
      const closed = stopListening(server);
      server.closeIdleConnections();
      await acceptor.close();
      dispatcher.close();
      await outbox.close();
      // Long polls would hold connections for up to 25 s; their clients ask the other instance.
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

/** How long open requests may take to finish during a stop. */
const DRAIN_MS = 1_000;
