import type { Logger } from "pino";
import { WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import { type Clock, isoTime } from "../clock.ts";
import type { WebhookConfigClient } from "../github/webhook-config.ts";
import type { LeaseRow, SwitchboardRow } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { type Candidate, ControllerLease, NotControllerError } from "./controller-lease.ts";
import { type Decision, decide, type ObservedEndpoint } from "./decide.ts";
import type { Thresholds } from "./health-window.ts";
import type { Notices } from "./notices.ts";
import { initializeSwitchboard, readSwitchboard, recordDecision, recordStep } from "./switchboard.ts";
import { WebhookSync } from "./webhook-sync.ts";

/** How often the controller compares GitHub's URL with its decision. */
const REPAIR_MS = 30_000;
/** For this long after it took over, a controller takes `unknown` for "not seen yet". */
const GRACE_MS = 3_000;

export interface ControllerOptions {
  store: Store;
  clock: Clock;
  candidate: Candidate;
  thresholds: Thresholds;
  /** In order of preference. */
  endpoints: readonly { name: string; url: string }[];
  /** The one URL that all instances answer, where there is a shared door. */
  doorUrl: string | null;
  observe: () => readonly ObservedEndpoint[];
  /** Whether the process that holds the lease is proven to be gone, or has given up. */
  isGone: (holder: LeaseRow) => boolean;
  github: WebhookConfigClient;
  notices: Notices;
  /** Called when this instance has become the controller. */
  onTakeOver: () => void;
  /** Called when GitHub has taken another URL. */
  onSwitched: () => void;
  log: Logger;
}

/**
 * The one instance that decides which endpoint is active, and has GitHub deliver there. Every instance has a
 * controller; the lease decides whose acts.
 */
export class Controller {
  #o: ControllerOptions;
  #lease: ControllerLease;
  #sync: WebhookSync;
  #timer: NodeJS.Timeout | undefined;
  #unwatch: (() => void) | undefined;
  #stepping = false;
  #again = false;
  #closed = false;
  #leaseDueAt = 0;
  #repairDueAt = 0;
  #tookOverAt = 0;
  #switchboard: SwitchboardRow | undefined;
  #saidAllDown = false;

  constructor(options: ControllerOptions) {
    this.#o = options;
    const { store, clock, candidate, thresholds, github, log } = options;
    this.#lease = new ControllerLease({ store, clock, ttlMs: thresholds.lease_ttl, candidate });
    this.#sync = new WebhookSync({
      github,
      clock,
      mayWrite: () => this.#lease.held && !this.#closed,
      onSwitched: (url) => this.#recordStep("switched_at", url),
      onVerified: (url) => this.#recordStep("verified_at", url),
      log,
    });
  }

  get held(): boolean {
    return this.#lease.held;
  }

  /** The instance that controls, as far as this one knows. */
  get instance(): string | null {
    return this.#lease.held ? this.#o.candidate.instance : (this.#lease.holder?.instance ?? null);
  }

  /** A transaction that is committed only while this instance is the controller. */
  get lease(): ControllerLease {
    return this.#lease;
  }

  start(): void {
    const third = this.#o.thresholds.lease_ttl / 3;
    this.#timer = setInterval(() => this.wake(), Math.min(third, 250));
    this.#unwatch = this.#o.store.onChange(() => this.wake());
    this.wake();
  }

  /** Stops acting and gives up the lease. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#unwatch?.();
    await this.#sync.stop();
    await this.#lease.release().catch(() => {});
  }

  /** Looks at the situation now: something about it has changed, or may have. */
  wake(): void {
    if (this.#stepping) {
      this.#again = true;
      return;
    }
    this.#stepping = true;
    void this.#step()
      .catch((error) => {
        if (!(error instanceof NotControllerError))
          this.#o.log.warn(`the controller cannot work now: ${(error as Error).message}`);
      })
      .finally(() => {
        this.#stepping = false;
        if (!this.#again || this.#closed) return;
        this.#again = false;
        this.wake();
      });
  }

  async #step(): Promise<void> {
    if (this.#closed) return;
    const { clock, store, thresholds } = this.#o;
    const now = clock.monotonic();
    const holder = this.#lease.holder as LeaseRow | undefined;
    const free = !this.#lease.held && holder !== undefined && this.#o.isGone(holder);
    if (now >= this.#leaseDueAt || free) {
      const { held, taken } = await this.#lease.acquire(this.#o.isGone);
      this.#leaseDueAt = now + (held ? thresholds.lease_ttl / 3 : thresholds.lease_ttl / 10);
      if (taken) await this.#takeOver();
    }
    if (!this.#lease.held) return;

    this.#switchboard = (await readSwitchboard(store)) ?? (await this.#initialize());
    const { active, pinned } = this.#switchboard;
    const decision = decide({
      endpoints: this.#o.observe(),
      active,
      pinned,
      thresholds,
      now: clock.monotonic(),
      grace: clock.monotonic() - this.#tookOverAt < GRACE_MS,
    });
    if (decision.kind === "stay") this.#stay(decision, active);
    else await this.#move(decision, active);
  }

  async #takeOver(): Promise<void> {
    const { candidate, notices, log, clock, onTakeOver } = this.#o;
    this.#tookOverAt = clock.monotonic();
    this.#repairDueAt = 0;
    log.info({ token: this.#lease.token }, `${candidate.instance} controls the webhook now`);
    notices.publish({ type: "controller", instance: candidate.instance, token: this.#lease.token });
    onTakeOver();
  }

  /** The first controller of an installation continues from what GitHub says, if that is one of ours. */
  async #initialize(): Promise<SwitchboardRow> {
    const { endpoints, github, store } = this.#o;
    const found = await github.read().catch(() => undefined);
    const named = endpoints.find((endpoint) => found?.url === webhookUrl(endpoint.url));
    const active = (named ?? endpoints[0])?.name ?? "";
    await this.#lease.write((trx) => initializeSwitchboard(trx, active));
    return (await readSwitchboard(store)) as SwitchboardRow;
  }

  #stay(decision: Extract<Decision, { kind: "stay" }>, active: string): void {
    const { notices, log, clock } = this.#o;
    if (decision.allDown && !this.#saidAllDown) {
      log.error(decision.reason);
      notices.publish({ type: "all_down", reason: decision.reason });
    }
    this.#saidAllDown = decision.allDown;
    if (clock.monotonic() < this.#repairDueAt) return;
    this.#repairDueAt = clock.monotonic() + REPAIR_MS;
    const url = this.#urlOf(active);
    if (url !== undefined) this.#sync.repair(url);
  }

  async #move(decision: Exclude<Decision, { kind: "stay" }>, from: string): Promise<void> {
    const { clock, candidate, notices, log } = this.#o;
    const health = this.#o.observe().find(({ name }) => name === from)?.health;
    const decidedAt = clock.now();
    const unhealthyFor = health?.unhealthySince == null ? 0 : clock.monotonic() - health.unhealthySince;
    const detectedAt = decision.kind === "failover" ? Math.round(decidedAt - unhealthyFor) : decidedAt;
    await this.#lease.write((trx) =>
      recordDecision(
        trx,
        {
          from_endpoint: from,
          to_endpoint: decision.to,
          kind: decision.kind,
          reason: decision.reason,
          decided_by: candidate.instance,
          detected_at: detectedAt,
          decided_at: decidedAt,
        },
        decision.dropPin,
      ),
    );
    const { kind, to, reason } = decision;
    log.warn({ kind, from, to, detectedAt: isoTime(detectedAt) }, `${kind} from ${from} to ${to}: ${reason}`);
    notices.publish({
      type: "failover",
      kind,
      from,
      to,
      reason,
      detectedAt: isoTime(detectedAt),
      decidedAt: isoTime(decidedAt),
    });
    this.#repairDueAt = clock.monotonic() + REPAIR_MS;
    const url = this.#urlOf(to);
    if (url !== undefined) this.#sync.want(url);
  }

  /** What GitHub is to call when this endpoint is active. */
  #urlOf(name: string): string | undefined {
    const base = this.#o.doorUrl ?? this.#o.endpoints.find((endpoint) => endpoint.name === name)?.url;
    return base === undefined ? undefined : webhookUrl(base);
  }

  async #recordStep(step: "switched_at" | "verified_at", url: string): Promise<void> {
    const { clock, notices, log, onSwitched } = this.#o;
    const at = clock.now();
    await this.#lease.write((trx) => recordStep(trx, step, { url, at }));
    if (step !== "switched_at") return;
    log.warn({ url }, "GitHub delivers to the new URL now");
    notices.publish({ type: "webhook_switched", url, durationMs: null });
    onSwitched();
  }
}

function webhookUrl(base: string): string {
  return `${base}${WEBHOOK_PATH}`;
}
