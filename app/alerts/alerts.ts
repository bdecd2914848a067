import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { Config } from "../config/load.ts";
import type { EventBus } from "../failover/event-bus.ts";
import type { Failover } from "../failover/failover.ts";
import type { RepositoryAccess } from "../github/repository-access.ts";
import { raiseAlert } from "../queue/raise-alert.ts";
import type { Store } from "../store/store.ts";
import { AlertSender } from "./alert-sender.ts";
import type { Channel } from "./channels/channel.ts";
import { channelsOf } from "./channels/channels.ts";
import { ConditionWatch } from "./condition-watch.ts";
import { DeadMansSwitch } from "./dead-mans-switch.ts";
import { StoreWatch } from "./store-watch.ts";

export interface AlertsOptions {
  config: Config;
  instance: string;
  env: NodeJS.ProcessEnv;
  store: Store;
  clock: Clock;
  access: RepositoryAccess;
  failover: Failover;
  bus: EventBus;
  homeUrl: string;
  pageUrl: (deploymentId: string) => string;
  onSent: (channel: Channel) => void;
  onRetry: (channel: Channel) => void;
  log: Logger;
}

/** The alerts of one instance: what it watches, and what it sends. */
export class Alerts {
  readonly channels: readonly Channel[];
  #store: Store;
  #storeWatch: StoreWatch;
  #parts: { start(): void | Promise<void>; close(): Promise<void> }[];

  constructor(options: AlertsOptions) {
    const { config, instance, env, store, clock, access, failover, homeUrl, pageUrl, log } = options;
    const { alerts, dead_mans_switch: deadMansSwitch, instances } = config;
    this.#store = store;
    this.channels = channelsOf(alerts, env, access);
    const wording = { store, homeUrl, pageUrl };
    const names = instances.map(({ name }) => name);
    const common = { ...options, channels: this.channels, wording };
    this.#storeWatch = new StoreWatch({
      ...common,
      preferred: names.slice(0, names.indexOf(instance)),
      stateDirectory: config.stateDirectory,
      failingPeers: () => failover.failingPeers(),
    });
    this.#parts = [
      new AlertSender({ ...common, holder: `${instance} ${randomUUID()}` }),
      new ConditionWatch(options),
      this.#storeWatch,
    ];
    if (deadMansSwitch)
      this.#parts.push(
        new DeadMansSwitch({
          url: env[deadMansSwitch.url_env] ?? "",
          intervalMs: deadMansSwitch.interval,
          clock,
          // A controller can write to the store, so that a call shows that Twinhook works.
          canRun: () => failover.controller.held,
          log,
        }),
      );
  }

  /** Whether this instance cannot write to the store. */
  get storeFails(): boolean {
    return this.#storeWatch.fails;
  }

  async start(): Promise<void> {
    for (const part of this.#parts) await part.start();
  }

  async close(): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.close()));
  }

  /** Sends a test alert to every channel, which names `who`. Resolves when it is recorded in the store. */
  async sendTestAlert(who: string): Promise<void> {
    await this.#store.write((trx) =>
      raiseAlert(trx, this.#store, { kind: "test", state: "event", subject: randomUUID(), facts: { who } }),
    );
  }
}
