import { statfs } from "node:fs/promises";
import { Gauge, type Registry } from "prom-client";
import type { Clock } from "../clock.ts";
import type { TargetConfig } from "../config/schema.ts";
import type { WebhookPlaces } from "../config/webhook-url.ts";
import type { Failover } from "../failover/failover.ts";
import { isInSync, readSwitchboard } from "../failover/switchboard.ts";
import { holdOf } from "../queue/hold.ts";
import { longestWaiting } from "../queue/waiting-since.ts";
import { byTarget } from "../store/by-target.ts";
import { withLimit } from "../store/limit.ts";
import type { Store } from "../store/store.ts";
import type { CertificateExpiry } from "./certificate-expiry.ts";
import type { EndedDeployments } from "./ended-deployments.ts";

/** The time limit for reading the store: without it, the other metrics are still worth reading. */
const READ_LIMIT_MS = 1_000;
const HEALTH_STATUSES = ["healthy", "degraded", "unhealthy", "unknown"] as const;
export const BREAKER_STATES = ["closed", "open", "half_open"] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];

export interface StateGaugesOptions {
  registry: Registry;
  store: Store;
  clock: Clock;
  failover: Pick<Failover, "checker" | "controller">;
  /** The breakers of this instance, by name. */
  config: WebhookPlaces & { targets: readonly TargetConfig[] };
  breakers: Record<string, () => BreakerState>;
  ended: EndedDeployments;
  certificates: CertificateExpiry;
  /** Where this instance keeps its files. */
  stateDirectory: string;
}

/** The gauges, set when the metrics are read: from the store, and from what this instance sees of the endpoints. */
export class StateGauges {
  #o: StateGaugesOptions;
  #all: Gauge<string>[] = [];
  #storeUp = this.#gauge("twinhook_store_up", "1 while this instance can commit, else 0.");
  #queue = this.#gauge(
    "twinhook_queue_deployments",
    "Deployments that are waiting (queued) or running, on all instances.",
    ["state"],
  );
  #oldest = this.#gauge(
    "twinhook_queue_oldest_age_seconds",
    "For how long the deployment that waits longest has been waiting, but for targets that a person holds; 0 when none waits.",
  );
  #outbox = this.#gauge("twinhook_outbox_pending", "What is yet to be sent, by receiver (github, alerts).", [
    "outbox",
  ]);
  #outboxAge = this.#gauge(
    "twinhook_outbox_oldest_age_seconds",
    "For how long the oldest of these has been waiting, by receiver (github, alerts); 0 when none waits.",
    ["outbox"],
  );
  #endpoints = this.#gauge(
    "twinhook_endpoint_status",
    "1 for the status that an endpoint has, as this instance sees it, else 0.",
    ["endpoint", "status"],
  );
  #active = this.#gauge(
    "twinhook_endpoint_active",
    "1 for the endpoint that GitHub is to deliver to, else 0.",
    ["endpoint"],
  );
  #pinned = this.#gauge("twinhook_switchover_pinned", "1 while a person's switchover holds, else 0.");
  #held = this.#gauge("twinhook_target_held", "1 while a person holds the target, else 0.", [
    "repository",
    "target",
  ]);
  #controller = this.#gauge("twinhook_controller", "1 while this instance decides for all, else 0.");
  #inSync = this.#gauge(
    "twinhook_webhook_in_sync",
    "1 while the webhook at GitHub names the active endpoint, as last read, else 0.",
  );
  #looked = this.#gauge(
    "twinhook_look_completed_timestamp_seconds",
    "When a look at GitHub was last complete (catch_up, action_deployments, reconcile).",
    ["look"],
  );
  #breakers = this.#gauge(
    "twinhook_circuit_breaker_state",
    "1 for the state that a circuit breaker of this instance is in (closed, open, half_open), else 0.",
    ["breaker", "state"],
  );
  #diskFree = this.#gauge(
    "twinhook_state_directory_free_bytes",
    "Room that is left on the disk of this instance's state directory.",
  );
  #diskSize = this.#gauge("twinhook_state_directory_size_bytes", "The size of that disk.");
  #certificates = this.#gauge(
    "twinhook_endpoint_certificate_expiry_timestamp_seconds",
    "When the certificate expires that an endpoint serves, as read within the last hour.",
    ["endpoint"],
  );

  constructor(options: StateGaugesOptions) {
    this.#o = options;
    for (const gauge of this.#all) options.registry.registerMetric(gauge);
  }

  /** Updates all gauges. Those from the store are left out if the store cannot be read. */
  async refresh(): Promise<void> {
    const { failover, breakers, store } = this.#o;
    for (const { name, health } of failover.checker.observe())
      for (const status of HEALTH_STATUSES)
        this.#endpoints.set({ endpoint: name, status }, Number(health.status === status));
    this.#controller.set(Number(failover.controller.held));
    for (const [breaker, state] of Object.entries(breakers)) {
      const now = state();
      for (const one of BREAKER_STATES) this.#breakers.set({ breaker, state: one }, Number(now === one));
    }
    this.#certificates.reset();
    for (const { endpoint, at } of this.#o.certificates.read()) this.#certificates.set({ endpoint }, at);
    const [probed] = await Promise.allSettled([
      store.probe(READ_LIMIT_MS),
      this.#readStore(),
      this.#readDisk(),
    ]);
    this.#storeUp.set(Number(probed.status === "fulfilled"));
  }

  async #readDisk(): Promise<void> {
    const { bavail, blocks, bsize } = await statfs(this.#o.stateDirectory);
    this.#diskFree.set(bavail * bsize);
    this.#diskSize.set(blocks * bsize);
  }

  async #readStore(): Promise<void> {
    const { store, clock, failover, ended } = this.#o;
    try {
      const [states, oldestQueuedAt, outbox, alerts, board, looks, targets, now] = await withLimit(
        Promise.all([
          store.read
            .selectFrom("deployments")
            .select((e) => ["status", e.fn.countAll<number>().as("count")])
            .where((e) => e.or([e("status", "=", "queued"), e("status", "=", "running")]))
            .groupBy("status")
            .execute(),
          longestWaiting(store.read),
          store.read
            .selectFrom("outbox")
            .select((e) => [e.fn.countAll<number>().as("count"), e.fn.min("created_at").as("oldest")])
            .executeTakeFirstOrThrow(),
          store.read
            .selectFrom("alert_outbox")
            .select((e) => [e.fn.countAll<number>().as("count"), e.fn.min("created_at").as("oldest")])
            .executeTakeFirstOrThrow(),
          readSwitchboard(store),
          store.read.selectFrom("looks").select(["name", "completed_at"]).execute(),
          store.read.selectFrom("targets").selectAll().execute(),
          store.now(store.read),
          ended.read(),
        ]),
        READ_LIMIT_MS,
        "slow",
      );
      const of = (status: string) => states.find((row) => row.status === status);
      for (const state of ["queued", "running"]) this.#queue.set({ state }, Number(of(state)?.count ?? 0));
      const age = (since: number | null | undefined) =>
        since == null ? 0 : Math.max(0, clock.now() - since) / 1000;
      this.#oldest.set(age(oldestQueuedAt));
      for (const [name, { count, oldest }] of Object.entries({ github: outbox, alerts })) {
        this.#outbox.set({ outbox: name }, Number(count));
        this.#outboxAge.set({ outbox: name }, age(oldest));
      }
      for (const { name } of failover.checker.observe())
        this.#active.set({ endpoint: name }, Number(board?.active === name));
      this.#pinned.set(Number(board?.pinned != null));
      this.#inSync.set(Number(isInSync(board, this.#o.config)));
      const find = byTarget(targets);
      for (const { repository, name } of this.#o.config.targets) {
        const row = find(repository, name);
        const isHeld = row !== undefined && holdOf(row, now) !== null;
        this.#held.set({ repository, target: name }, Number(isHeld));
      }
      for (const { name, completed_at } of looks)
        if (completed_at !== null) this.#looked.set({ look: name }, completed_at / 1000);
    } catch {
      // An old value would look like the present one.
      for (const gauge of [
        this.#queue,
        this.#oldest,
        this.#outbox,
        this.#outboxAge,
        this.#active,
        this.#pinned,
        this.#held,
        this.#inSync,
      ]) {
        gauge.reset();
        gauge.remove();
      }
    }
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge<string> {
    const gauge = new Gauge({ name, help, labelNames, registers: [] });
    this.#all.push(gauge);
    return gauge;
  }
}
