import type { Logger } from "pino";
import type { Acceptor } from "../accept/acceptor.ts";
import type { RepositoryNames } from "../accept/repository-names.ts";
import type { VerifyProof } from "../auth/parked-proof.ts";
import { DeliveryHealth } from "../catch-up/delivery-health.ts";
import { RunGaps } from "../catch-up/run-gaps.ts";
import { Scans } from "../catch-up/scans.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config/load.ts";
import type { EventBus } from "../failover/event-bus.ts";
import type { Failover } from "../failover/failover.ts";
import type { CallBudget } from "../github/call-budget.ts";
import type { DeliveryLogClient } from "../github/delivery-log.ts";
import type { RepositoryAccess } from "../github/repository-access.ts";
import { RepositoryHooksClient } from "../github/repository-hooks.ts";
import { placementOf } from "../queue/placement/placement.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Store } from "../store/store.ts";
import { EnvironmentScan } from "../upkeep/environment-scan.ts";
import { HostWatch } from "../upkeep/host-watch.ts";
import { linesOf } from "../upkeep/renamed.ts";
import { RepositoryScan } from "../upkeep/repository-scan.ts";
import { RepositoryWebhooks } from "../upkeep/repository-webhooks.ts";
import { Retention } from "../upkeep/retention.ts";
import { TagNames } from "../upkeep/tag-names.ts";

export interface ControllerWorkOptions {
  /** This instance. */
  instance: string;
  config: Config;
  store: Store;
  clock: Clock;
  log: Logger;
  bus: EventBus;
  names: RepositoryNames;
  acceptor: Acceptor;
  access: RepositoryAccess;
  budget: CallBudget;
  deliveries: DeliveryLogClient;
  failover: Failover;
  verifyProof: VerifyProof;
}

/** All that an instance does only while it is the controller. Each part checks the lease before it acts. */
export class ControllerWork {
  #scans: Scans;
  #gaps: RunGaps;
  #tags: TagNames;
  #repositories: RepositoryScan;
  #environments: EnvironmentScan;
  #webhooks: RepositoryWebhooks;
  #retention: Retention;
  #hosts: HostWatch;

  constructor(options: ControllerWorkOptions) {
    const { config, failover, store, clock, log, access } = options;
    const { targets } = config;
    const { secretChange } = failover;
    const { lease } = failover.controller;
    this.#scans = new Scans({
      ...options,
      targets,
      lease,
      health: new DeliveryHealth({
        store,
        clock,
        // Any instance answers at a shared door, so a failed delivery says nothing about the active endpoint.
        delivered: (...sample) => config.door ?? failover.checker.delivered(...sample),
      }),
    });
    this.#gaps = new RunGaps({ ...options, targets, lease, waitMs: config.failover.order_wait });
    this.#tags = new TagNames({ ...options, targets, lease });
    this.#repositories = new RepositoryScan({
      ...options,
      targets,
      lease,
      linesOf: (key) => linesOf(key, config),
    });
    this.#environments = new EnvironmentScan({ ...options, targets, lease });
    this.#webhooks = new RepositoryWebhooks({
      ...{ store, clock, log, lease, targets },
      hooks: new RepositoryHooksClient(access, () => secretChange.secret),
      enabled: config.webhook.mode === "broadcast",
      endpoints: config.instances,
      secretChange,
    });
    this.#hosts = new HostWatch({
      ...{ store, clock, log, lease },
      tellSuccess: config.alerts.some(({ kinds }) => kinds.includes("deployment_succeeded")),
      targets: targets.flatMap((target) => {
        const placement = placementOf(target, config.instances, options.instance);
        const { repository, name } = target;
        return placement ? { repositoryKey: repositoryKey(repository), target: name, placement } : [];
      }),
    });
    this.#retention = new Retention({ store, clock, log, lease, retention: config.retention });
  }

  start(): void {
    this.#gaps.start();
    this.#retention.start();
    this.#hosts.start();
  }

  /** This instance has become the controller: another one may have seen little of what happened before. */
  tookOver(): void {
    this.#environments.now();
    this.#tags.now();
    this.#repositories.now();
    void this.#scans.everywhere();
    this.#webhooks.now();
  }

  /** All instances accept the new webhook secret. */
  secretAgreed(): void {
    this.#webhooks.now();
  }

  /** Scans for what GitHub could not deliver lately. */
  catchUp(): void {
    void this.#scans.catchUp();
  }

  async close(): Promise<void> {
    await Promise.all([
      this.#scans.close(),
      this.#gaps.close(),
      this.#tags.close(),
      this.#environments.close(),
      this.#repositories.close(),
      this.#webhooks.close(),
      this.#retention.close(),
      this.#hosts.close(),
    ]);
  }
}
