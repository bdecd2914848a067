import type { Logger } from "pino";
import type { Probot } from "probot";
import type { Acceptor } from "../accept/acceptor.ts";
import type { RepositoryNames } from "../accept/repository-names.ts";
import type { Alerts } from "../alerts/alerts.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config/load.ts";
import type { InstanceConfig } from "../config/schema.ts";
import type { Failover } from "../failover/failover.ts";
import type { JudgeProof } from "../failover/left-deployment.ts";
import type { Notices } from "../failover/notices.ts";
import type { DeliveryLogClient } from "../github/delivery-log.ts";
import type { Outbox } from "../github/outbox.ts";
import type { RepositoryAccess } from "../github/repository-access.ts";
import type { WebhookConfigClient } from "../github/webhook-config.ts";
import type { EndedDeployments } from "../metrics/ended-deployments.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Dispatcher } from "../run/dispatcher.ts";
import type { Store } from "../store/store.ts";
import type { KnownRuns } from "../web/known-runs.ts";
import type { JobRights } from "../web/oidc/job-rights.ts";
import type { TokenVerifier } from "../web/oidc/token-verifier.ts";

/** What an instance consists of, as far as what it answers is made of it. */
export interface InstanceParts {
  config: Config;
  self: InstanceConfig;
  env: NodeJS.ProcessEnv;
  clock: Clock;
  log: Logger;
  store: Store;
  /** What the names of repositories in the configuration stand for. */
  names: RepositoryNames;
  acceptor: Acceptor;
  dispatcher: Dispatcher;
  failover: Failover;
  notices: Notices;
  alerts: Alerts;
  outbox: Outbox;
  metrics: Metrics;
  /** Reads for the metrics which deployments have ended. */
  ended: EndedDeployments;
  /** The App at GitHub, once for each secret that webhooks may be signed with; the first is the current one. */
  apps: readonly [Promise<Probot>, ...Promise<Probot>[]];
  access: RepositoryAccess;
  webhook: WebhookConfigClient;
  deliveries: DeliveryLogClient;
  tokens: TokenVerifier;
  jobs: JobRights;
  runs: KnownRuns;
  judgeProof: JudgeProof;
  /** The page of a deployment. */
  pageUrl: (id: string) => string;
  /** Whether it is shutting down. */
  draining: () => boolean;
}
