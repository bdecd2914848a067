import type { Logger } from "pino";
import { type Clock, isoTime } from "../clock.ts";
import { webhookUrl } from "../config/webhook-url.ts";
import type { WebhookConfigClient } from "../github/webhook-config.ts";
import type { SwitchboardRow } from "../store/schema.ts";
import type { Store, Writer } from "../store/store.ts";
import { alertOfChange } from "./alert-of-change.ts";
import { CatchUpTrigger } from "./catch-up-trigger.ts";
import type { ControllerLease } from "./controller-lease.ts";
import { type Decision, decide, type ObservedEndpoint } from "./decide.ts";
import type { EventBus } from "./event-bus.ts";
import type { Health, Thresholds } from "./health-window.ts";
import type { SecretChange } from "./secret-change.ts";
import {
  dropPin,
  holdNormally,
  initializeSwitchboard,
  readSwitchboard,
  recordDecision,
  recordStep,
} from "./switchboard.ts";
import { type DesiredWebhook, WebhookSync } from "./webhook-sync.ts";

/** How often the controller compares GitHub's URL with its decision. */
export const REPAIR_MS = 30_000;
/** After it takes over, a controller does not count `unknown` as down for this long. */
const GRACE_MS = 3_000;

export interface ActiveEndpointOptions {
  store: Store;
  clock: Clock;
  /** The instance that decides, and the lease that allows it to decide. */
  instance: string;
  lease: ControllerLease;
  thresholds: Thresholds;
  /** In order of preference. */
  endpoints: readonly { name: string; url: string }[];
  /** The one URL of all instances behind a shared door; null without a door. */
  door: { url: string } | null;
  observe: () => readonly ObservedEndpoint[];
  github: Pick<WebhookConfigClient, "read" | "write">;
  secretChange: Pick<SecretChange, "isUnderWay" | "isAgreed">;
  bus: EventBus;
  /** Called when GitHub has taken another URL, and again once all deliveries to the old URL have ended. */
  onSwitched: () => void;
  log: Logger;
}

/** Decides which endpoint is active, and makes GitHub deliver there. Only the controller's one acts. */
export class ActiveEndpoint {
  #o: ActiveEndpointOptions;
  #sync: WebhookSync;
  #catchUp: CatchUpTrigger;
  #closed = false;
  #repairDueAt = 0;
  /** GitHub may hold the previous secret. GitHub never shows a secret, so the controller writes the new one. */
  #secretDue = false;
  #tookOverAt = 0;
  #saidAllDown = false;
  /** The routing state as last read, and whether nothing has changed it since. */
  #board: SwitchboardRow | undefined;
  #isCurrent = false;

  constructor(options: ActiveEndpointOptions) {
    this.#o = options;
    const { clock, lease, github, bus, log } = options;
    this.#catchUp = new CatchUpTrigger(options.onSwitched);
    this.#sync = new WebhookSync({
      github,
      clock,
      mayWrite: () => lease.held && !this.#closed,
      onSwitched: (desired) => this.#onSwitched(desired),
      onVerified: (desired) => this.#onVerified(desired),
      onRetry: () => bus.publish({ type: "retry", operation: "webhook_url" }),
      onDeviation: ({ url }, found) => {
        log.warn({ found, wanted: url }, "the webhook at GitHub differs from the desired config; setting it");
        // A decision that never reached GitHub explains the difference: nobody changed the webhook.
        if (this.#board?.webhook_url === url) bus.publish({ type: "webhook_deviated", found, wanted: url });
      },
      log,
    });
    // A try that began under an earlier lease may carry an earlier decision.
    lease.onTaken(() => this.#sync.abandon());
  }

  /** This instance has become the controller. */
  tookOver(): void {
    this.#tookOverAt = this.#o.clock.monotonic();
    this.#repairDueAt = 0;
    this.changed();
    this.#secretDue = this.#o.secretChange.isUnderWay;
  }

  /** Makes the next review read the routing state again, since it may have changed. */
  changed(): void {
    this.#isCurrent = false;
  }

  /**
   * Decides by the endpoints' present health, and starts to carry out the decision.
   * @throws {NotControllerError} when this instance has lost the lease meanwhile; then nothing is recorded.
   */
  async review(): Promise<void> {
    const { clock, store, thresholds } = this.#o;
    const { active, pinned, pinned_forced } = await this.#read();
    const endpoints = this.#o.observe();
    if (pinned_forced && endpoints.some(({ name, health }) => name === pinned && health.status === "healthy"))
      await this.#write((trx) => holdNormally(store, trx));
    const decision = decide({
      endpoints,
      active,
      pinned,
      forced: pinned_forced === 1,
      thresholds,
      now: clock.monotonic(),
      grace: clock.monotonic() - this.#tookOverAt < GRACE_MS,
    });
    if (decision.kind === "stay") await this.#stay(decision, active);
    else await this.#move(decision, active);
  }

  /** Stops setting the webhook. Resolves when no try is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#catchUp.close();
    await this.#sync.stop();
  }

  /** Returns the routing state. It seldom changes, so the store is read only after a change. */
  async #read(): Promise<SwitchboardRow> {
    if (this.#board && this.#isCurrent) return this.#board;
    // Set before the read, so that a change during the read causes another one.
    this.#isCurrent = true;
    try {
      this.#board = (await readSwitchboard(this.#o.store)) ?? (await this.#initialize());
    } catch (error) {
      this.changed();
      throw error;
    }
    return this.#board;
  }

  async #write<T>(work: (trx: Writer) => Promise<T>): Promise<T> {
    try {
      return await this.#o.lease.write(work);
    } finally {
      this.changed();
    }
  }

  /** The first controller of an installation starts with the endpoint that GitHub's URL names, if there is one. */
  async #initialize(): Promise<SwitchboardRow> {
    const { endpoints, github, store, thresholds } = this.#o;
    // The read must end before the lease does.
    const limit = AbortSignal.timeout(thresholds.lease_ttl / 2);
    const found = await github.read(limit).catch(() => undefined);
    const named = endpoints.find(({ name }) => found?.url === this.#urlOf(name));
    const active = (named ?? endpoints[0])?.name ?? "";
    await this.#write((trx) => initializeSwitchboard(trx, active));
    return (await readSwitchboard(store)) as SwitchboardRow;
  }

  async #stay(decision: Extract<Decision, { kind: "stay" }>, active: string): Promise<void> {
    const { bus, log, clock, store } = this.#o;
    if (decision.allDown && !this.#saidAllDown) {
      log.error(decision.reason);
      bus.publish({ type: "all_down", reason: decision.reason });
    }
    this.#saidAllDown = decision.allDown;
    if (decision.dropPin) await this.#write((trx) => dropPin(store, trx));
    const giveSecret = this.#secretDue && this.#o.secretChange.isAgreed;
    if (clock.monotonic() < this.#repairDueAt && !giveSecret) return;
    this.#repairDueAt = clock.monotonic() + REPAIR_MS;
    const desired = this.#desired(active);
    if (!desired) return;
    if (!giveSecret) return this.#sync.repair(desired);
    this.#secretDue = false;
    this.#sync.set(desired, { newSecret: true });
  }

  async #move(decision: Exclude<Decision, { kind: "stay" }>, from: string): Promise<void> {
    const { clock, instance, bus, log, store } = this.#o;
    const { kind, to, reason } = decision;
    const decidedAt = clock.now();
    const old = this.#healthOf(from);
    const since = old?.unhealthySince ?? null;
    const detectedAt =
      kind === "failover" && since !== null ? Math.round(decidedAt - (clock.monotonic() - since)) : decidedAt;
    const change = { from_endpoint: from, to_endpoint: to, kind, reason, decided_at: decidedAt };
    await this.#write(async (trx) => {
      await recordDecision(trx, { ...change, decided_by: instance, detected_at: detectedAt });
      await alertOfChange(trx, store, {
        ...change,
        preferred: this.#o.endpoints[0]?.name === to,
        detectedAt,
      });
      if (decision.dropPin) await dropPin(store, trx);
    });
    this.#repairDueAt = clock.monotonic() + REPAIR_MS;
    const desired = this.#desired(to);
    if (desired) this.#sync.set(desired);
    // A planned change gets its one visible log line when it is complete.
    log[kind === "failover" ? "warn" : "debug"](`${kind} from ${from} to ${to}: ${reason}`);
    bus.publish({
      type: "failover",
      kind,
      from,
      to,
      reason,
      detectedAt: isoTime(detectedAt),
      decidedAt: isoTime(decidedAt),
    });
  }

  #healthOf(endpoint: string): Health | undefined {
    return this.#o.observe().find(({ name }) => name === endpoint)?.health;
  }

  #urlOf(name: string): string | undefined {
    const { door, endpoints: instances } = this.#o;
    return webhookUrl({ door, instances }, name);
  }

  #desired(endpoint: string): DesiredWebhook | undefined {
    const url = this.#urlOf(endpoint);
    return url === undefined ? undefined : { endpoint, url };
  }

  async #onSwitched(desired: DesiredWebhook): Promise<void> {
    const { clock, bus } = this.#o;
    const at = clock.now();
    const done = await this.#write((trx) => recordStep(trx, "switched_at", { ...desired, at }));
    // No change was open: the webhook was only repaired. One catch-up is enough.
    if (!done) return this.#o.onSwitched();
    const { kind, from_endpoint: from, to_endpoint: to, detected_at } = done;
    bus.publish({
      type: "webhook_switched",
      kind,
      from,
      to,
      url: desired.url,
      durationMs: at - detected_at,
    });
    this.#catchUp.switched();
  }

  async #onVerified(desired: DesiredWebhook): Promise<void> {
    const { clock, log } = this.#o;
    const at = clock.now();
    const done = await this.#write((trx) => recordStep(trx, "verified_at", { ...desired, at }));
    if (!done) return;
    const { kind, from_endpoint, to_endpoint, reason, detected_at, decided_at } = done;
    const switched_at = done.switched_at ?? at;
    // The whole change in one line.
    log[kind === "failover" ? "warn" : "info"](
      {
        from: from_endpoint,
        to: to_endpoint,
        url: desired.url,
        detectedAt: isoTime(detected_at),
        decidedMs: decided_at - detected_at,
        switchedMs: switched_at - detected_at,
        verifiedMs: at - detected_at,
      },
      `${kind} from ${from_endpoint} to ${to_endpoint} is complete: ${reason}; ` +
        `decided after ${decided_at - detected_at} ms, ` +
        `at GitHub after ${switched_at - detected_at} ms, read back after ${at - detected_at} ms`,
    );
  }
}
