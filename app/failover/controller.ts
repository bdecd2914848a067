import type { LeaseRow } from "../store/schema.ts";
import { WakeLoop } from "../wake-loop.ts";
import { ActiveEndpoint, type ActiveEndpointOptions } from "./active-endpoint.ts";
import { ControllerLease, type Fences, NotControllerError } from "./controller-lease.ts";
import type { Candidate } from "./lease-rules.ts";

/** The pause after a step that failed. */
const RETRY_MS = 250;
/** The least time between two looks at another holder's lease, however often the store changes. */
const SOON_MS = 100;
/** A new controller scans after this time: the failover that it begins with is more urgent. */
const SCAN_AFTER_MS = 100;

export interface ControllerOptions extends Omit<ActiveEndpointOptions, "lease" | "instance"> {
  /** Called shortly after this instance has become the controller. */
  onTakeOver: () => void;
  candidate: Candidate;
  /** Whether the lease's holder is proven dead, or has released the lease. */
  isGone: (holder: LeaseRow) => boolean;
  /** Whether the lease's holder is a stopped process of this host, and has been for longer than allowed. */
  isStopped?: (holder: LeaseRow) => boolean;
  /** Keep a holder from acting that wakes after its lease was taken. */
  fences?: Fences;
  /** Whether another instance reaches GitHub while this one does not. */
  isCutOff: () => boolean;
}

/**
 * Takes and renews the lease, and acts while it holds it: it decides which endpoint is active, and makes GitHub deliver
 * there. Every instance has a controller; the lease decides which of them acts.
 */
export class Controller {
  #o: ControllerOptions;
  #lease: ControllerLease;
  #active: ActiveEndpoint;
  #loop: WakeLoop;
  #unwatch: (() => void) | undefined;
  #leaseDueAt = 0;
  /** When this instance last looked at the lease (ms, monotonic). */
  #lookedAt = Number.NEGATIVE_INFINITY;
  #scanning: NodeJS.Timeout | undefined;

  constructor(options: ControllerOptions) {
    this.#o = options;
    const { store, clock, candidate, thresholds } = options;
    const { isStopped, fences } = options;
    const ttlMs = thresholds.lease_ttl;
    this.#lease = new ControllerLease({
      ...{ store, clock, ttlMs, candidate },
      ...(isStopped && fences && { isStopped, fences }),
    });
    this.#active = new ActiveEndpoint({ ...options, instance: candidate.instance, lease: this.#lease });
    this.#loop = new WakeLoop({
      step: () => this.#step(),
      clock,
      retryMs: RETRY_MS,
      onTrouble: ({ message }) =>
        options.log.warn(`the controller failed, retry in ${RETRY_MS} ms: ${message}`),
    });
  }

  get held(): boolean {
    return this.#lease.held;
  }

  /** The name of the controlling instance, as far as this one knows. */
  get instance(): string | null {
    return this.#lease.held ? this.#o.candidate.instance : (this.#lease.holder?.instance ?? null);
  }

  /** The lease, for parts that act or write only as the controller. */
  get lease(): ControllerLease {
    return this.#lease;
  }

  start(): void {
    this.#unwatch = this.#o.store.onChange(() => {
      this.#active.changed();
      // The holder may have released the lease.
      if (!this.#lease.held) this.#leaseDueAt = Math.min(this.#leaseDueAt, this.#lookedAt + SOON_MS);
      this.wake();
    });
    this.wake();
  }

  /** Stops acting and gives up the lease. */
  async close(): Promise<void> {
    clearTimeout(this.#scanning);
    this.#unwatch?.();
    const closed = this.#loop.close();
    await this.#active.close();
    await closed;
    await this.#lease.release().catch(() => {});
  }

  /** Takes a step now, or right after the one under way: something may have changed. */
  wake(): void {
    this.#loop.wake();
  }

  /** Returns how long until the lease is to be renewed, or may be taken. */
  async #step(): Promise<number> {
    try {
      await this.#act();
    } catch (error) {
      // Another instance has become the controller.
      if (!(error instanceof NotControllerError)) throw error;
      return RETRY_MS;
    }
    return Math.max(1, this.#leaseDueAt - this.#o.clock.monotonic());
  }

  async #act(): Promise<void> {
    const { clock, thresholds, onTakeOver } = this.#o;
    let tookOver = false;
    if (this.#o.isCutOff()) return this.#stepBack();
    const holder = this.#lease.holder;
    const free =
      !this.#lease.held &&
      holder !== undefined &&
      (this.#o.isGone(holder) || (this.#o.isStopped?.(holder) ?? false));
    if (clock.monotonic() >= this.#leaseDueAt || free) {
      const { held, taken } = await this.#lease.acquire(this.#o.isGone);
      const now = clock.monotonic();
      this.#lookedAt = now;
      this.#leaseDueAt = held
        ? now + thresholds.lease_ttl / 3
        : Math.min(this.#nextLook(now), Math.max(now, this.#lease.freeAt));
      tookOver = held && taken;
      if (tookOver) this.#takeOver();
    }
    try {
      if (this.#lease.held) await this.#active.review();
    } finally {
      if (tookOver) this.#scanning = setTimeout(onTakeOver, SCAN_AFTER_MS);
    }
  }

  /**
   * When to look again at another holder's lease. A renewal is noticed at most a tenth of the lease's time after it was
   * made, and the next one comes a third of that time later.
   */
  #nextLook(now: number): number {
    const { lease_ttl } = this.#o.thresholds;
    const sawRenewal = now - (this.#lease.freeAt - lease_ttl) < lease_ttl / 10;
    return now + (sawRenewal ? lease_ttl / 3 : lease_ttl / 10);
  }

  /** Releases the lease, so that an instance that reaches GitHub takes it. */
  async #stepBack(): Promise<void> {
    const { candidate, clock, log } = this.#o;
    this.#leaseDueAt = clock.monotonic() + RETRY_MS;
    if (!this.#lease.held) return;
    log.warn(`${candidate.instance} cannot reach GitHub and another instance can: it gives up control`);
    await this.#lease.release();
  }

  #takeOver(): void {
    const { candidate, bus, log } = this.#o;
    log.info({ token: this.#lease.token }, `${candidate.instance} controls the webhook now`);
    bus.publish({ type: "controller", instance: candidate.instance, token: this.#lease.token });
    this.#active.tookOver();
  }
}
