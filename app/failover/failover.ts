import type { Server } from "node:http";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { Config } from "../config/load.ts";
import type { InstanceConfig } from "../config/schema.ts";
import type { WebhookConfigClient } from "../github/webhook-config.ts";
import type { ProcessIdentity } from "../run/process-identity.ts";
import type { RunRegistry } from "../run/run-registry.ts";
import type { Store } from "../store/store.ts";
import { isMachineBusy } from "./busy-machine.ts";
import { Controller } from "./controller.ts";
import type { EventBus } from "./event-bus.ts";
import type { GitHubReach } from "./github-reach.ts";
import { HealthChecker } from "./health-checker.ts";
import { HealthRecord } from "./health-record.ts";
import type { Health, HealthStatus } from "./health-window.ts";
import { peerKey } from "./peer-handshake.ts";
import { BEAT_MS, PeerLinks } from "./peer-links.ts";
import { holderName, PeerProcesses, peerOf } from "./peer-processes.ts";
import { ProcessWatch } from "./process-watch.ts";
import { SecretChange } from "./secret-change.ts";
import { isInSync, LINGER_MS, readSwitchboard } from "./switchboard.ts";

/** How long an instance that shuts down waits for another to take its place. */
const HAND_OVER_LIMIT_MS = 5_000;
/** How long a planned restart waits for another instance that was started just before. */
const ANOTHER_UP_LIMIT_MS = 10_000;
const POLL_MS = 50;
const GONE = "its process is gone";

export interface FailoverOptions {
  config: Config;
  /** This instance. */
  self: InstanceConfig;
  process: ProcessIdentity;
  host: string;
  store: Store;
  clock: Clock;
  registry: RunRegistry;
  github: WebhookConfigClient;
  reach: GitHubReach;
  bus: EventBus;
  /** Called when this instance has become the controller, and when GitHub has taken another URL. */
  onTakeOver: () => void;
  onSwitched: () => void;
  /** Called when every instance that GitHub may reach has come to accept the new webhook secret. */
  onSecretAgreed: () => void;
  /** Whether this instance cannot write to the store; its heartbeats tell the others. */
  storeFails: () => boolean;
  /** Called with the result of every check of an endpoint. */
  onChecked: (endpoint: string, ok: boolean, ms: number) => void;
  log: Logger;
}

/** Puts the failover of one instance together: health checks, links to its peers, controller and health record. */
export class Failover {
  readonly controller: Controller;
  readonly checker: HealthChecker;
  readonly secretChange: SecretChange;
  readonly #record: HealthRecord;
  #o: FailoverOptions;
  #links: PeerLinks;
  #processes: ProcessWatch;
  /** The latest heartbeat of each connected peer: when it came (ms, monotonic), and how the peer sees the endpoints. */
  #beats = new Map<string, { at: number; sees: Record<string, HealthStatus> }>();
  /** The peers whose heartbeats say that they cannot write to the store. */
  #failing = new Set<string>();
  #wasAgreed = false;
  /** The instances that are shutting down: none, this one, or all of this host. */
  #leaving: readonly string[] = [];

  constructor(options: FailoverOptions) {
    this.#o = options;
    const { config, self, store, clock, registry, host, github, bus, log } = options;
    const endpoints = config.instances.map(({ name, url }) => ({ name, url }));
    this.checker = new HealthChecker({
      endpoints,
      thresholds: config.failover,
      clock,
      onChange: () => {
        this.#checkSecret();
        this.controller.wake();
      },
      onChecked: (name, ok, ms) => {
        this.#record.checked(name, ok, ms);
        options.onChecked(name, ok, ms);
      },
      onStoreFailure: () => store.doubt(),
      mayGoOn: (name) => this.#livesOn(name) && isMachineBusy(),
      onStatus: (name, was, { status, reason, shutDown }) => {
        const level = shutDown ? "debug" : status === "healthy" ? "info" : "warn";
        log[level](`${name} is ${status}: ${reason}`);
        bus.publish({ type: "endpoint", name, status, was, reason });
        this.#record.changed();
      },
    });
    const key = peerKey(config.environment.privateKey as string);
    this.secretChange = new SecretChange({
      secret: config.environment.webhookSecret as string,
      previous: config.environment.webhookSecretPrevious,
      key,
      others: endpoints.map(({ name }) => name).filter((name) => name !== self.name),
      isDown: (name) => this.#healthOf(name)?.status === "unhealthy",
    });
    const others = config.instances.filter(({ name }) => name !== self.name);
    const processes = new PeerProcesses({ config, self, registry });
    this.#processes = new ProcessWatch({
      names: others.map(({ name }) => name),
      thresholds: config.failover,
      clock,
      stateOf: (name) => processes.state(name),
      onStopped: (name, reason) => {
        if (this.#healthOf(name)?.status !== "unhealthy") this.checker.died(name, reason);
      },
      onGone: (name) => this.checker.died(name, GONE),
    });
    this.controller = new Controller({
      store,
      clock,
      candidate: { holder: holderName(self.name, options.process), instance: self.name, host },
      thresholds: config.failover,
      endpoints,
      door: config.door,
      observe: () => this.checker.observe(),
      isGone: (holder) => processes.isGone(holder, host),
      isStopped: ({ host: at, instance }) =>
        at === host && instance !== null && this.#processes.isStopped(instance),
      fences: processes.fences,
      isCutOff: () => options.reach.onlyElsewhere,
      github,
      secretChange: this.secretChange,
      bus,
      onTakeOver: () => {
        this.#record.changed();
        options.onTakeOver();
      },
      onSwitched: options.onSwitched,
      log,
    });
    this.#record = new HealthRecord({
      store,
      clock,
      lease: this.controller.lease,
      observe: () => this.checker.observe(),
      log,
    });
    this.#links = new PeerLinks({
      name: self.name,
      key,
      peers: others.map((other) => peerOf(self, other)),
      beat: () => ({
        leaving: this.#leaving.length > 0,
        stopping: this.#leaving,
        storeFails: options.storeFails(),
        secrets: this.secretChange.marks,
        sees: Object.fromEntries(this.checker.observe().map(({ name, health }) => [name, health.status])),
        github: options.reach.own,
      }),
      events: {
        onDied: (name) => this.checker.died(name, GONE),
        onBeat: (name, { leaving, stopping = [], sees, storeFails = false, secrets, github }) => {
          options.reach.heard(name, github);
          this.secretChange.heard(name, secrets);
          this.#checkSecret();
          this.#beats.set(name, { at: clock.monotonic(), sees });
          if (storeFails) this.#failing.add(name);
          else this.#failing.delete(name);
          this.checker.leaving(name, leaving || this.#leaving.includes(name));
          // The others will say so themselves in a moment. Until then no failover may choose them.
          for (const other of stopping)
            if (other !== name && !this.#leaving.includes(other)) {
              this.checker.leaving(other, true);
              this.checker.lost(other);
            }
        },
        onLost: (name) => {
          this.#beats.delete(name);
          this.#failing.delete(name);
          options.reach.heard(name, undefined);
          this.secretChange.lost(name);
          this.checker.lost(name);
          this.#processes.lost(name);
        },
      },
      log,
    });
  }

  /** The status of this endpoint as each instance sees it, by the instance's name. Unconnected peers are left out. */
  seenBy(endpoint: string): Record<string, HealthStatus> {
    const own = this.#healthOf(endpoint)?.status;
    const views = [...this.#beats].map(([name, { sees }]) => [name, sees[endpoint]]);
    return Object.fromEntries([[this.#o.self.name, own], ...views]);
  }

  /** Whether an instance has sent a heartbeat since a check began that now reaches its time limit; this one always has. */
  #livesOn(name: string): boolean {
    const { self, clock, config } = this.#o;
    const beat = this.#beats.get(name);
    const isRecent = beat && clock.monotonic() - beat.at < config.failover.health_check_timeout + BEAT_MS;
    return name === self.name || isRecent === true;
  }

  /** The connected peers that say that they cannot write to the store. */
  failingPeers(): string[] {
    return [...this.#failing];
  }

  /** The process of another instance has ended; its supervisor on this host reports the reason. */
  peerEnded(name: string, reason: string): void {
    this.checker.died(name, reason);
    // Record the new reason even if the status is the same as before.
    this.#record.changed();
  }

  #healthOf(endpoint: string): Health | undefined {
    return this.checker.observe().find(({ name }) => name === endpoint)?.health;
  }

  /** Acts at once when the instances have come to agree on the new webhook secret. */
  #checkSecret(): void {
    if (!this.secretChange.isUnderWay) return;
    const { isAgreed } = this.secretChange;
    if (isAgreed === this.#wasAgreed) return;
    this.#wasAgreed = isAgreed;
    if (!isAgreed) return;
    this.controller.wake();
    this.#o.onSecretAgreed();
  }

  start(server: Server): void {
    this.#links.start(server);
    this.checker.start();
    this.#processes.start();
    this.controller.start();
    this.#record.start();
  }

  /**
   * Hands over before this instance stops. It waits until another endpoint that is up is the active one. Then it
   * accepts what GitHub still sends here for another 15 s. With `all`, every instance of this host is stopping, so
   * none of them takes over.
   */
  async handOver({ all = false } = {}): Promise<void> {
    const { config, self, store, clock, log } = this.#o;
    const look = () => readSwitchboard(store).catch(() => undefined);
    const wasActive = (await look())?.active === self.name;
    const here = config.instances.filter(({ host }) => host === self.host);
    this.#leaving = all ? here.map(({ name }) => name) : [self.name];
    for (const name of this.#leaving) this.checker.leaving(name, true);
    this.#links.beatNow();
    if (!wasActive) return;
    const startedAt = clock.monotonic();
    let handedOverAt: number | undefined;
    while (this.#isAnotherUp()) {
      const now = clock.monotonic();
      if (handedOverAt !== undefined && now - handedOverAt > LINGER_MS) return;
      if (handedOverAt === undefined) {
        const row = await look();
        if (row && row.active !== self.name && isInSync(row, config)) {
          // Behind a shared door the URL stays the same, so there is no old URL to serve.
          if (this.#o.config.door) return;
          handedOverAt = now;
          log.info({ to: row.active }, "handed over; accepting what GitHub still sends here for 15 s");
        } else if (now - startedAt > HAND_OVER_LIMIT_MS) {
          log.warn("no instance took over within 5 s; the catch-up finds what GitHub sends until one does");
          return;
        }
      }
      await clock.sleep(POLL_MS);
    }
  }

  /** Resolves when another endpoint is up that could become the active one, or after a while. */
  async untilAnotherIsUp(): Promise<void> {
    const { config, clock } = this.#o;
    const until = clock.monotonic() + ANOTHER_UP_LIMIT_MS;
    while (config.instances.length > 1 && !this.#isAnotherUp() && clock.monotonic() < until)
      await clock.sleep(POLL_MS);
  }

  #isAnotherUp(): boolean {
    return this.checker
      .observe()
      .some(({ name, health }) => name !== this.#o.self.name && /^(healthy|degraded)$/.test(health.status));
  }

  async close(): Promise<void> {
    this.checker.close();
    this.#processes.close();
    await this.#record.close();
    await this.controller.close();
    this.#links.close();
  }
}
