import type { Logger } from "pino";
import type { Probot } from "probot";
import type { Acceptor } from "../accept/acceptor.ts";
import type { RepositoryNames } from "../accept/repository-names.ts";
import type { Alerts } from "../alerts/alerts.ts";
import type { AdminTokens } from "../auth/admin-tokens.ts";
import type { Credentials } from "../auth/authenticate.ts";
import type { KnownRuns } from "../auth/known-runs.ts";
import type { JobRights } from "../auth/oidc/job-rights.ts";
import type { TokenVerifier } from "../auth/oidc/token-verifier.ts";
import type { VerifyProof } from "../auth/parked-proof.ts";
import type { SignIn } from "../auth/sign-in.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config/load.ts";
import type { InstanceConfig } from "../config/schema.ts";
import type { EventBus } from "../failover/event-bus.ts";
import type { Failover } from "../failover/failover.ts";
import type { DeliveryLogClient } from "../github/delivery-log.ts";
import type { Outbox } from "../github/outbox.ts";
import type { RepositoryAccess } from "../github/repository-access.ts";
import type { WebhookConfigClient } from "../github/webhook-config.ts";
import type { Audit } from "../http/audit.ts";
import type { HealthCheck } from "../http/health-routes.ts";
import type { EndedDeployments } from "../metrics/ended-deployments.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { PageOptions } from "../pages/page-options.ts";
import type { Dispatcher } from "../run/dispatcher.ts";
import type { StoredCodes } from "../setup/setup-code.ts";
import type { Store } from "../store/store.ts";

/** The parts of an instance that its routes use. */
export interface InstanceParts {
  config: Config;
  self: InstanceConfig;
  env: NodeJS.ProcessEnv;
  clock: Clock;
  log: Logger;
  store: Store;
  /** Maps repository names in the configuration to today's names. */
  names: RepositoryNames;
  acceptor: Acceptor;
  dispatcher: Dispatcher;
  failover: Failover;
  bus: EventBus;
  alerts: Alerts;
  outbox: Outbox;
  metrics: Metrics;
  /** Reads for the metrics which deployments have ended. */
  ended: EndedDeployments;
  /** The App at GitHub, once for each valid webhook secret; the first is the current one. */
  apps: readonly [Promise<Probot>, ...Promise<Probot>[]];
  access: RepositoryAccess;
  webhook: WebhookConfigClient;
  deliveries: DeliveryLogClient;
  tokens: TokenVerifier;
  jobs: JobRights;
  runs: KnownRuns;
  verifyProof: VerifyProof;
  /** The URL of a deployment's page. */
  pageUrl: (id: string) => string;
  /** Whether the instance is shutting down. */
  draining: () => boolean;
}

/** The parts that the routes share: the instance's parts, and the objects for rights, audit and pages. */
export interface RouteParts extends InstanceParts {
  health: ReadonlyMap<string, HealthCheck>;
  signIn: SignIn;
  credentials: Credentials;
  namedTokens: AdminTokens;
  audit: Audit;
  pages: PageOptions;
  /** The one-time codes of the setup page, and the key that signs them and the sessions. */
  codes: StoredCodes;
  key: Buffer;
}
