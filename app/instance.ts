import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { DEPLOYMENTS_PATH } from "../shared/deployment-request.ts";
import { Acceptor } from "./accept/acceptor.ts";
import { registerTargets } from "./accept/register-targets.ts";
import { Alerts } from "./alerts/alerts.ts";
import type { Clock } from "./clock.ts";
import type { Config } from "./config/load.ts";
import { Broadcast } from "./failover/broadcast.ts";
import { DeliveryHealth } from "./failover/delivery-health.ts";
import { Failover } from "./failover/failover.ts";
import { GitHubReach } from "./failover/github-reach.ts";
import { Notices } from "./failover/notices.ts";
import { RecurringLooks } from "./failover/recurring-looks.ts";
import { Retention } from "./failover/retention.ts";
import { githubApp } from "./github/app.ts";
import { DeliveryLogClient } from "./github/delivery-log.ts";
import { GitHubDeployments } from "./github/deployments.ts";
import { githubTime } from "./github/github-time.ts";
import { GITHUB_OUTBOX, Outbox } from "./github/outbox.ts";
import { reachable } from "./github/reachable.ts";
import { RepositoryAccess } from "./github/repository-access.ts";
import { RepositoryHooksClient } from "./github/repository-hooks.ts";
import { signatureCheck } from "./github/signature.ts";
import { WebhookConfigClient } from "./github/webhook-config.ts";
import { MeasuredStore } from "./metrics/measured-store.ts";
import { Metrics } from "./metrics/metrics.ts";
import { StateGauges } from "./metrics/state-gauges.ts";
import { assetRoutes } from "./pages/assets.ts";
import { LiveSockets } from "./pages/live/live-sockets.ts";
import { livePageRoutes } from "./pages/live-page-routes.ts";
import { pageHeaders } from "./pages/page-headers.ts";
import type { PageOptions } from "./pages/page-options.ts";
import { problemPage } from "./pages/problem-page.ts";
import { settingsDeeds, testDelivery } from "./pages/settings/deeds.ts";
import { settingsRoutes } from "./pages/settings/settings-routes.ts";
import { signInRoutes } from "./pages/sign-in-routes.ts";
import { releaseOutbox } from "./queue/outbox-lease.ts";
import { Dispatcher } from "./run/dispatcher.ts";
import { endFrozenHolder } from "./run/frozen-lock.ts";
import { hostId } from "./run/host-id.ts";
import { takeInstanceName } from "./run/instance-lock.ts";
import { lockDirectory } from "./run/os-lock.ts";
import { RunRegistry } from "./run/run-registry.ts";
import { RunnerPool } from "./run/runner-pool.ts";
import { StoredCodes } from "./setup/setup-code.ts";
import { setupRoutes } from "./setup/setup-routes.ts";
import { SetupSessions } from "./setup/setup-sessions.ts";
import { Attempts } from "./sign-in/attempts.ts";
import { GitHubSignIn } from "./sign-in/github-sign-in.ts";
import { placesOf } from "./sign-in/places.ts";
import { RepositoryRights } from "./sign-in/repository-rights.ts";
import { sessionKey } from "./sign-in/session-key.ts";
import { Sessions } from "./sign-in/sessions.ts";
import { SignIn } from "./sign-in/sign-in.ts";
import { openStore } from "./store/open-store.ts";
import { repositoryKey } from "./store/repository-key.ts";
import { alertRoutes } from "./web/alert-routes.ts";
import { Audit } from "./web/audit.ts";
import type { Credentials } from "./web/authenticate.ts";
import { deliveryRoutes } from "./web/delivery-routes.ts";
import { deploymentRoutes } from "./web/deployment-routes.ts";
import { healthRoutes } from "./web/health-routes.ts";
import { leftProofJudge } from "./web/left-proof.ts";
import { listen, stopListening } from "./web/listen.ts";
import { metricsRoutes } from "./web/metrics-routes.ts";
import { JobRights } from "./web/oidc/job-rights.ts";
import { TokenVerifier } from "./web/oidc/token-verifier.ts";
import { openApiRoutes } from "./web/openapi-routes.ts";
import { createWebServer, type RequestHandler, requestHandler } from "./web/server.ts";
import { statusRoutes } from "./web/status-routes.ts";
import { webhookEntrance } from "./web/webhook-entrance.ts";

/** A running instance of the App. */
export interface Instance {
  name: string;
  /** Where it really listens. */
  address: { host: string; port: number };
  /** What it answers. */
  routes: RequestHandler["routes"];
  /**
   * Takes in nothing more, answers what it has taken in, and lets go of everything. Runners go on: their
   * deployments are not the instance's.
   */
  stop(): Promise<void>;
}

/**
 * Starts one instance: opens the store, takes the instance's name, and listens.
 * @throws {InstanceRunsError} when the name is taken, {StoreUnavailableError} when the store cannot be opened.
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
  const host = hostId(stateDirectory);
  const registry = new RunRegistry(stateDirectory);
  const metrics = new Metrics({ instance: name, targets });
  const opened = await openStore(config.store, {
    clock,
    onFrozenLock: (pid) => endFrozenHolder(pid, registry, log),
  });
  const store = new MeasuredStore(opened, metrics);

  const reach = new GitHubReach({
    clock,
    probe: () => reachable(environment.githubApiUrl),
    onOtherAway: () => void looks.catchUp(),
  });
  const newApp = (secret: string) =>
    githubApp(environment, secret, log, (call) => {
      metrics.called(call);
      if (call.result === "failed") reach.doubt();
    });
  const secret = environment.webhookSecret as string;
  const previous = environment.webhookSecretPrevious;
  const accepted = await Promise.all((previous ? [secret, previous] : [secret]).map(newApp));
  await registerTargets(store, targets, await githubTime(environment.githubApiUrl, clock));

  const pageUrl = (id: string) => `${config.public_url ?? config.door?.url ?? self.url}/deployments/${id}`;
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
  const access = new RepositoryAccess(() => newApp(secret));
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
    github: new WebhookConfigClient(newApp(secret), secret),
    reach,
    notices,
    onTakeOver: () => {
      const looked = looks.everywhere();
      broadcast.now();
      return looked;
    },
    onSwitched: () => looks.catchUp(),
    onChecked: (...check) => metrics.checked(...check),
    storeFails: () => alerts.storeFails,
    log,
  });
  const tokens = new TokenVerifier({ ...config.oidc, clock });
  const jobs = new JobRights({ access, clock });
  const judgeProof = leftProofJudge({
    secret: (variable) => env[variable],
    tokens,
    audience: config.oidc.audience,
    jobs,
  });
  const looks = new RecurringLooks({
    store,
    clock,
    log,
    notices,
    targets,
    acceptor,
    access,
    judgeProof,
    lease: failover.controller.lease,
    deliveries: new DeliveryLogClient(newApp(secret), clock),
    health: new DeliveryHealth({
      store,
      clock,
      // Through a shared door anyone answers, and a failure says nothing of the active endpoint.
      delivered: (...sample) => config.door ?? failover.checker.delivered(...sample),
    }),
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
    homeUrl: `${config.public_url ?? config.door?.url ?? self.url}/`,
    pageUrl,
    onSent: ({ type }) => metrics.told(type),
    onRetry: () => metrics.retried("alert"),
    log,
  });

  let draining = false;
  const { clientId, clientSecret, githubUrl, githubApiUrl } = environment;
  const key = sessionKey(environment.privateKey as string);
  const signIn = new SignIn({
    sessions: new Sessions({
      key,
      adminToken: environment.adminToken,
      store,
      clock,
    }),
    rights: new RepositoryRights({ access, clock, repositories: targets.map((t) => t.repository) }),
    admins: config.admins,
    places: placesOf(config, self),
  });
  const credentials: Credentials = {
    adminToken: environment.adminToken,
    targets,
    secret: (variable) => env[variable],
    claims: (token) => tokens.verify(token),
    signIn,
  };
  const state = new StateGauges({
    registry: metrics.registry,
    store,
    clock,
    failover,
    breakers: { github_outbox: () => outbox.breakerState },
  });
  const pages: PageOptions = { config, self, store, failover, now: () => clock.now() };
  const live = new LiveSockets({ pages, pageUrl, signIn, credentials, notices, log });
  const own = newApp(secret);
  const deliveryLog = new DeliveryLogClient(own, clock);
  const codes = new StoredCodes({
    store,
    key,
    instance: name,
    tell: (code) =>
      log.info(
        { url: `${self.url}/setup` },
        `what is left to set up is shown at /setup; one-time code: ${code}`,
      ),
  });
  const setupSessions = new SetupSessions({
    key,
    clock,
    codes,
    origins: signIn.places.origins,
  });
  const audit = new Audit({ store, clock, instance: name, log });
  const handle = requestHandler({
    webhook: webhookEntrance({
      acceptor,
      targets,
      verify: signatureCheck(accepted),
      onCounted: (event) => metrics.counted(event),
      onRefused: (status) => metrics.refused("webhook", status),
      log,
    }),
    onRefused: ({ method, url }, status) => {
      const isDeployment = method === "POST" && new URL(url).pathname === DEPLOYMENTS_PATH;
      metrics.refused(isDeployment ? "deployments" : "other", status);
    },
    routes: [
      ["/", healthRoutes({ store, instance: name, draining: () => draining })],
      ["/", metricsRoutes({ metrics, state, credentials, metricsToken: environment.metricsToken })],
      [
        "/api/deployments",
        deploymentRoutes({
          store,
          clock,
          acceptor,
          credentials,
          audit,
          jobs,
          pageUrl,
          onQueued: () => dispatcher.wake(),
          onVerified: () => metrics.verified(),
        }),
      ],
      [
        "/api/deliveries",
        deliveryRoutes({
          store,
          credentials,
          acceptor,
          audit,
          targets,
          github: { access, clock },
          judgeProof,
        }),
      ],
      ["/api", statusRoutes({ config, instance: name, store, failover, credentials, audit })],
      ["/api/alerts", alertRoutes({ alerts, credentials, audit })],
      ["/api", openApiRoutes(config.instances)],
      ["/assets", assetRoutes()],
      ["/", livePageRoutes(pages, signIn)],
      [
        "/",
        settingsRoutes({
          config,
          instance: name,
          env,
          store,
          failover,
          audit,
          app: own,
          webhook: new WebhookConfigClient(own, secret),
          now: () => clock.now(),
          signIn,
          deeds: settingsDeeds({
            config,
            store,
            failover,
            clock,
            app: own,
            deliveries: deliveryLog,
            sendTestAlert:
              alerts.channels.length === 0
                ? null
                : async (by) => {
                    await alerts.sendTestAlert(by);
                    return `on its way to ${alerts.channels.map(({ type }) => type).join(", ")}`;
                  },
          }),
        }),
      ],
      [
        "/",
        setupRoutes({
          sessions: setupSessions,
          config,
          store,
          app: own,
          testDelivery: () => testDelivery({ app: own, deliveries: deliveryLog, clock }),
        }),
      ],
      [
        "/",
        signInRoutes({
          signIn,
          attempts: new Attempts({ key, clock }),
          adminToken: environment.adminToken,
          github:
            clientId && clientSecret
              ? new GitHubSignIn({ key, clock, clientId, clientSecret, githubUrl, githubApiUrl })
              : null,
          githubUrl,
        }),
      ],
    ],
    pageHeaders: pageHeaders({ origins: signIn.places.origins }),
    problemPage: (problem, c) => c.html(problemPage(problem), problem.status as 404),
    log,
  });
  const server = createWebServer(handle, self.tls);
  const door = createWebServer(handle, self.tls);
  const address = await listen(server, self.listen);
  dispatcher.start();
  await releaseOutbox(store, GITHUB_OUTBOX, name);
  outbox.start();
  failover.start(server);
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
    async stop() {
      const doorClosed = stopListening(door);
      await failover.handOver();
      draining = true;
      live.close();
      await Promise.all([looks.close(), broadcast.close(), retention.close()]);
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
      await store.close();
      identity.lock.release();
      log.info("stopped");
    },
  };
}

/** How long requests that are being answered are waited for. */
const DRAIN_MS = 1_000;
