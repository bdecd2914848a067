import { randomUUID } from "node:crypto";
import { Acceptor } from "../accept/acceptor.ts";
import { RepositoryNames } from "../accept/repository-names.ts";
import { watchTargets } from "../accept/watch-targets.ts";
import { Alerts } from "../alerts/alerts.ts";
import { KnownRuns } from "../auth/known-runs.ts";
import { JobRights } from "../auth/oidc/job-rights.ts";
import { TokenVerifier } from "../auth/oidc/token-verifier.ts";
import { parkedProofVerifier } from "../auth/parked-proof.ts";
import { linkBase } from "../config/link-base.ts";
import { EventBus } from "../failover/event-bus.ts";
import { Failover } from "../failover/failover.ts";
import { GitHubReach } from "../failover/github-reach.ts";
import { githubApp } from "../github/app.ts";
import { CallBudget } from "../github/call-budget.ts";
import { DeliveryLogClient } from "../github/delivery-log.ts";
import { GitHubDeployments } from "../github/deployments.ts";
import { githubTime } from "../github/github-time.ts";
import { Outbox } from "../github/outbox.ts";
import { connectable, reachable } from "../github/reachable.ts";
import { RepositoryAccess } from "../github/repository-access.ts";
import { WebhookConfigClient } from "../github/webhook-config.ts";
import { EndedDeployments } from "../metrics/ended-deployments.ts";
import { MeasuredStore } from "../metrics/measured-store.ts";
import { Metrics } from "../metrics/metrics.ts";
import { releaseOutbox } from "../outbox/outbox-lease.ts";
import { GITHUB_OUTBOX } from "../queue/claim-announcement.ts";
import { placementOf } from "../queue/placement/placement.ts";
import { Dispatcher } from "../run/dispatcher.ts";
import { hostId } from "../run/host-id.ts";
import { lockDirectory } from "../run/os-lock.ts";
import { RunRegistry } from "../run/run-registry.ts";
import { RunnerPool } from "../run/runner-pool.ts";
import { onceAvailable } from "../store/once-available.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { AssembledInstance, AssemblyOptions } from "./assembled-instance.ts";
import { ControllerWork } from "./controller-work.ts";
import { instanceRoutes } from "./instance-routes.ts";

/**
 * Makes every part of an instance. None of them works by itself yet, so that others may do so meanwhile.
 * @throws {StoreUnavailableError} when the store is unavailable, and waiting does not help.
 */
export async function assembleInstance(options: AssemblyOptions): Promise<AssembledInstance> {
  const { config, name, clock } = options;
  const metrics = new Metrics({
    instance: name,
    endpoints: config.instances.map((instance) => instance.name),
    targets: config.targets,
    channels: [...new Set(config.alerts.map(({ type }) => type))],
    clock,
  });
  const store = new MeasuredStore(options.store, metrics);
  return assemble(options, store, metrics).catch(async (error) => {
    // The process may go on with other parts.
    await store.close();
    throw error;
  });
}

async function assemble(
  options: AssemblyOptions,
  store: MeasuredStore,
  metrics: Metrics,
): Promise<AssembledInstance> {
  const { config, name, clock, log, env } = options;
  const { environment, stateDirectory, targets } = config;
  const self = config.instances.find((instance) => instance.name === name);
  if (!self) throw new Error(`there is no instance named ${name} in ${config.file}`);
  const registry = new RunRegistry(stateDirectory);
  const host = hostId(stateDirectory);
  const whenAvailable = <T>(act: () => Promise<T>) => onceAvailable(act, { clock, log });
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
  const bus = new EventBus();
  bus.subscribe((event) => metrics.happened(event));
  const acceptor = new Acceptor({
    store,
    clock,
    instance: name,
    onAccepted: (arrival, accepted) => metrics.accepted(arrival, accepted),
    // Where a commit's answer can be lost, the instance commits itself: its own retry tells what became of it.
    ...(!store.can.severalHosts && { begin: (input) => dispatcher.begin(input) }),
    onQueued: (queued) => dispatcher.offer(queued),
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
    process: options.process,
    host,
    store,
    clock,
    registry,
    github: webhook,
    reach,
    bus,
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
    bus,
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
    bus,
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
    bus,
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
  /** Ends what works by itself, but for what each request needs. */
  const pause = async () => {
    live.close();
    await controllerWork.close();
    reach.close();
    await Promise.all([failover.close(), alerts.close()]);
  };

  return {
    handle,
    failover,
    attach({ server, door }) {
      live.attach(server);
      live.attach(door);
    },
    async start({ server }) {
      if (!options.isFrugal) pool.warm();
      dispatcher.start();
      await releaseOutbox(store, GITHUB_OUTBOX, name);
      outbox.start();
      reach.start();
      failover.start(server);
      controllerWork.start();
      await alerts.start();
      await codes.renew().catch((error) => log.warn(`there is no code for the setup page: ${error.message}`));
    },
    async leave(how) {
      stopping.abort();
      await failover.handOver(how);
      draining = true;
      await pause();
    },
    async finish() {
      await acceptor.close();
      dispatcher.close();
      await outbox.close();
    },
    async quiesce() {
      stopping.abort();
      await Promise.all([pause(), outbox.close()]);
      dispatcher.close();
    },
    async close() {
      await acceptor.close();
      await timed;
      await store.close();
    },
  };
}
