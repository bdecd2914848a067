import type { Logger } from "pino";
import { WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import { type Clock, isoTime } from "../clock.ts";
import type { WebhookConfigClient } from "../github/webhook-config.ts";
import type { LeaseRow, SwitchboardRow } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { alertOfChange } from "./alert-of-change.ts";
import { type Candidate, ControllerLease, NotControllerError } from "./controller-lease.ts";
import { type Decision, decide, type ObservedEndpoint } from "./decide.ts";
import type { Thresholds } from "./health-window.ts";
import type { Notices } from "./notices.ts";
import { QueueHold } from "./queue-hold.ts";
import {
  dropPin,
  holdNormally,
  initializeSwitchboard,
  readSwitchboard,
  recordDecision,
  recordStep,
} from "./switchboard.ts";
import { WebhookSync, type Wish } from "./webhook-sync.ts";

/** How often the controller compares GitHub's URL with its decision. */
export const REPAIR_MS = 30_000;
/** For this long after it took over, a controller takes `unknown` for "not seen yet". */
const GRACE_MS = 3_000;
/** A delivery that hung at the old endpoint shows in GitHub's log only once GitHub has given it up, after 10 s. */
const STRAGGLERS_MS = 11_000;
/**
 * How long queues are held at most: after a take-over, or where the old endpoint's process is gone, so that what
 * GitHub sent there has failed; and where it hangs, and so may its deliveries.
 */
const HOLD_MS = { takeOver: 3_000, gone: 5_000, silent: STRAGGLERS_MS + 9_000 };
/** The pause after a step that failed. */
const RETRY_MS = 250;

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
  /** Whether another instance reaches GitHub, and this one does not. */
  isCutOff: () => boolean;
  github: Pick<WebhookConfigClient, "read" | "write">;
  /** Whether the webhook secret is being changed, and the previous one still counts. */
  secretChanges: boolean;
  notices: Notices;
  /** Called when this instance has become the controller. Resolves when all was looked at that may have been missed. */
  onTakeOver: () => Promise<void>;
  /**
   * Called when GitHub has taken another URL, and again when all it sent to the old one has ended. Resolves when
   * what it could not deliver until then has been accepted.
   */
  onSwitched: () => Promise<void>;
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
  #hold: QueueHold;
  #timer: NodeJS.Timeout | undefined;
  /** The look to come at what hung at an endpoint that may be up again, or still is. */
  #stragglers: { from: string; timer: NodeJS.Timeout } | undefined;
  #unwatch: (() => void) | undefined;
  #working: Promise<void> | undefined;
  #again = false;
  #closed = false;
  #leaseDueAt = 0;
  #repairDueAt = 0;
  /** GitHub may hold the previous secret. It never shows which, so that only writing helps. */
  #secretDue = false;
  #tookOverAt = 0;
  #saidAllDown = false;
  /** What keeps it from working, once that was said. */
  #trouble = "";
  /** What GitHub was last seen to say, by any controller. */
  #verifiedUrl: string | null = null;

  constructor(options: ControllerOptions) {
    this.#o = options;
    const { store, clock, candidate, thresholds, github, log } = options;
    this.#lease = new ControllerLease({ store, clock, ttlMs: thresholds.lease_ttl, candidate });
    this.#hold = new QueueHold({ store, lease: this.#lease });
    this.#sync = new WebhookSync({
      github,
      clock,
      mayWrite: () => this.#lease.held && !this.#closed,
      onSwitched: (wish) => this.#onSwitched(wish),
      onVerified: (wish) => this.#onVerified(wish),
      onRetry: () => options.notices.publish({ type: "retry", operation: "webhook_url" }),
      onDeviation: ({ url }, found) => {
        log.warn({ found, wanted: url }, "the webhook at GitHub is not as it should be; putting it right");
        // A change that was decided and never reached GitHub is nobody's doing.
        if (this.#verifiedUrl === url)
          options.notices.publish({ type: "webhook_deviated", found, wanted: url });
      },
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
    this.#unwatch = this.#o.store.onChange(() => this.wake());
    this.wake();
  }

  /** Stops acting and gives up the lease. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#stragglers?.timer);
    this.#unwatch?.();
    await this.#sync.stop();
    await this.#working;
    await this.#lease.release().catch(() => {});
  }

  /** Looks at the situation now: something about it has changed, or may have. */
  wake(): void {
    if (this.#closed) return;
    if (this.#working) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#working = this.#step()
      .then(
        () => {
          this.#trouble = "";
          return this.#leaseDueAt - this.#o.clock.monotonic();
        },
        (error: Error) => {
          if (!(error instanceof NotControllerError) && error.message !== this.#trouble) {
            this.#trouble = error.message;
            this.#o.log.warn(`the controller cannot work now: ${error.message}`);
          }
          return RETRY_MS;
        },
      )
      .then((pause) => {
        this.#working = undefined;
        if (this.#closed) return;
        this.#timer = setTimeout(() => this.wake(), this.#again ? 0 : Math.max(1, pause));
        this.#again = false;
      });
  }

  async #step(): Promise<void> {
    const { clock, store, thresholds } = this.#o;
    if (this.#o.isCutOff()) return this.#stepBack();
    const holder = this.#lease.holder;
    const free = !this.#lease.held && holder !== undefined && this.#o.isGone(holder);
    if (clock.monotonic() >= this.#leaseDueAt || free) {
      const { held, taken } = await this.#lease.acquire(this.#o.isGone);
      const now = clock.monotonic();
      this.#leaseDueAt = held
        ? now + thresholds.lease_ttl / 3
        : Math.min(now + thresholds.lease_ttl / 10, Math.max(now, this.#lease.freeAt));
      if (taken) await this.#takeOver();
    }
    if (!this.#lease.held) return;

    const row = (await readSwitchboard(store)) ?? (await this.#initialize());
    const { active, pinned, pinned_forced } = row;
    this.#verifiedUrl = row.webhook_url;
    const endpoints = this.#o.observe();
    if (pinned_forced && endpoints.some(({ name, health }) => name === pinned && health.status === "healthy"))
      await this.#lease.write((trx) => holdNormally(store, trx));
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

  /** Leaves control to an instance that reaches GitHub. */
  async #stepBack(): Promise<void> {
    const { candidate, clock, log } = this.#o;
    this.#leaseDueAt = clock.monotonic() + RETRY_MS;
    if (!this.#lease.held) return;
    log.warn(`${candidate.instance} cannot reach GitHub and another instance can: it gives up control`);
    await this.#lease.release();
  }

  async #takeOver(): Promise<void> {
    const { candidate, notices, log, clock, onTakeOver } = this.#o;
    this.#tookOverAt = clock.monotonic();
    this.#repairDueAt = 0;
    this.#secretDue = this.#o.secretChanges;
    log.info({ token: this.#lease.token }, `${candidate.instance} controls the webhook now`);
    notices.publish({ type: "controller", instance: candidate.instance, token: this.#lease.token });
    // The very first one has missed nothing.
    if (this.#lease.token > 1)
      await this.#lease.write((trx) => this.#hold.begin(trx, HOLD_MS.takeOver)).catch(() => {});
    this.#endHoldAfter(onTakeOver());
  }

  /** The first controller of an installation continues from what GitHub says, if that is one of ours. */
  async #initialize(): Promise<SwitchboardRow> {
    const { endpoints, github, store, thresholds } = this.#o;
    // Not for so long that the lease ends over it.
    const limit = AbortSignal.timeout(thresholds.lease_ttl / 2);
    const found = await github.read(limit).catch(() => undefined);
    const named = endpoints.find((endpoint) => found?.url === `${endpoint.url}${WEBHOOK_PATH}`);
    const active = (named ?? endpoints[0])?.name ?? "";
    await this.#lease.write((trx) => initializeSwitchboard(trx, active));
    return (await readSwitchboard(store)) as SwitchboardRow;
  }

  async #stay(decision: Extract<Decision, { kind: "stay" }>, active: string): Promise<void> {
    const { notices, log, clock, store } = this.#o;
    if (decision.allDown && !this.#saidAllDown) {
      log.error(decision.reason);
      notices.publish({ type: "all_down", reason: decision.reason });
    }
    this.#saidAllDown = decision.allDown;
    if (decision.dropPin) await this.#lease.write((trx) => dropPin(store, trx));
    if (clock.monotonic() < this.#repairDueAt) return;
    this.#repairDueAt = clock.monotonic() + REPAIR_MS;
    const wish = this.#wish(active);
    if (!wish) return;
    if (this.#secretDue) this.#sync.want(wish);
    else this.#sync.repair(wish);
  }

  async #move(decision: Exclude<Decision, { kind: "stay" }>, from: string): Promise<void> {
    const { clock, candidate, notices, log, store } = this.#o;
    const { kind, to, reason } = decision;
    const decidedAt = clock.now();
    const old = this.#o.observe().find(({ name }) => name === from)?.health;
    const since = old?.unhealthySince ?? null;
    const detectedAt =
      kind === "failover" && since !== null ? Math.round(decidedAt - (clock.monotonic() - since)) : decidedAt;
    const change = { from_endpoint: from, to_endpoint: to, kind, reason, decided_at: decidedAt };
    await this.#lease.write(async (trx) => {
      await recordDecision(trx, { ...change, decided_by: candidate.instance, detected_at: detectedAt });
      if (kind === "failover") await this.#hold.begin(trx, old?.gone ? HOLD_MS.gone : HOLD_MS.silent);
      await alertOfChange(trx, store, {
        ...change,
        preferred: this.#o.endpoints[0]?.name === to,
        detectedAt,
      });
      if (decision.dropPin) await dropPin(store, trx);
    });
    this.#repairDueAt = clock.monotonic() + REPAIR_MS;
    const wish = this.#wish(to);
    if (wish) this.#sync.want(wish);
    log.warn(`${kind} from ${from} to ${to}: ${reason}`);
    notices.publish({
      type: "failover",
      kind,
      from,
      to,
      reason,
      detectedAt: isoTime(detectedAt),
      decidedAt: isoTime(decidedAt),
    });
  }

  /** Where GitHub delivers to when this endpoint is active; undefined where it is not configured (any more). */
  urlOf(name: string): string | undefined {
    const base = this.#o.doorUrl ?? this.#o.endpoints.find((endpoint) => endpoint.name === name)?.url;
    return base === undefined ? undefined : `${base}${WEBHOOK_PATH}`;
  }

  #wish(endpoint: string): Wish | undefined {
    const url = this.urlOf(endpoint);
    return url === undefined ? undefined : { endpoint, url };
  }

  async #onSwitched(wish: Wish): Promise<void> {
    const { clock, notices, onSwitched } = this.#o;
    const at = clock.now();
    const done = await this.#lease.write((trx) => recordStep(trx, "switched_at", { ...wish, at }));
    if (done)
      notices.publish({
        type: "webhook_switched",
        kind: done.kind,
        from: done.from_endpoint,
        to: done.to_endpoint,
        url: wish.url,
        durationMs: at - done.detected_at,
      });
    const look = onSwitched();
    clearTimeout(this.#stragglers?.timer);
    const from = done?.from_endpoint ?? "";
    const timer = setTimeout(() => this.#lookForStragglers(), STRAGGLERS_MS);
    this.#stragglers = { from, timer };
    const old = this.#o.observe().find(({ name }) => name === from);
    if (done?.kind !== "failover" || old?.health.gone) this.#endHoldAfter(look);
  }

  /** An endpoint's process is gone, and with it the deliveries that hung there. */
  gone(endpoint: string): void {
    if (this.#stragglers?.from === endpoint) this.#lookForStragglers();
  }

  #lookForStragglers(): void {
    clearTimeout(this.#stragglers?.timer);
    this.#stragglers = undefined;
    this.#endHoldAfter(this.#o.onSwitched());
  }

  #endHoldAfter(look: Promise<void>): void {
    // A hold that could not be ended ends by itself.
    void this.#hold.endAfter(look).catch(() => {});
  }

  async #onVerified(wish: Wish): Promise<void> {
    const { clock, log } = this.#o;
    this.#secretDue = false;
    const at = clock.now();
    const done = await this.#lease.write((trx) => recordStep(trx, "verified_at", { ...wish, at }));
    if (!done) return;
    const { kind, from_endpoint, to_endpoint, reason, detected_at, decided_at } = done;
    const switched_at = done.switched_at ?? at;
    // The whole story in one line.
    log.warn(
      {
        from: from_endpoint,
        to: to_endpoint,
        url: wish.url,
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
