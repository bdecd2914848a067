import type { LeaseRow } from "../store/schema.ts";
import { ActiveEndpoint, type ActiveEndpointOptions } from "./active-endpoint.ts";
import { type Candidate, ControllerLease, NotControllerError } from "./controller-lease.ts";

/** The pause after a step that failed. */
const RETRY_MS = 250;

export interface ControllerOptions extends Omit<ActiveEndpointOptions, "lease" | "instance"> {
  candidate: Candidate;
  /** Whether the lease's holder is proven dead, or has released the lease. */
  isGone: (holder: LeaseRow) => boolean;
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
  #timer: NodeJS.Timeout | undefined;
  #unwatch: (() => void) | undefined;
  #working: Promise<void> | undefined;
  #again = false;
  #closed = false;
  #leaseDueAt = 0;
  /** The error that was logged last, so that it is not logged again. */
  #trouble = "";

  constructor(options: ControllerOptions) {
    this.#o = options;
    const { store, clock, candidate, thresholds } = options;
    this.#lease = new ControllerLease({ store, clock, ttlMs: thresholds.lease_ttl, candidate });
    this.#active = new ActiveEndpoint({ ...options, instance: candidate.instance, lease: this.#lease });
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

  /** Where GitHub delivers to when this endpoint is active; undefined where it is not configured (any more). */
  urlOf(name: string): string | undefined {
    return this.#active.urlOf(name);
  }

  start(): void {
    this.#unwatch = this.#o.store.onChange(() => this.wake());
    this.wake();
  }

  /** Stops acting and gives up the lease. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#unwatch?.();
    await this.#active.close();
    await this.#working;
    await this.#lease.release().catch(() => {});
  }

  /** Takes a step now, or right after the one under way: something may have changed. */
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
            this.#o.log.warn(`the controller failed, retry in ${RETRY_MS} ms: ${error.message}`);
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
    const { clock, thresholds } = this.#o;
    if (this.#o.isCutOff()) return this.#stepBack();
    const holder = this.#lease.holder;
    const free = !this.#lease.held && holder !== undefined && this.#o.isGone(holder);
    if (clock.monotonic() >= this.#leaseDueAt || free) {
      const { held, taken } = await this.#lease.acquire(this.#o.isGone);
      const now = clock.monotonic();
      this.#leaseDueAt = held
        ? now + thresholds.lease_ttl / 3
        : Math.min(now + thresholds.lease_ttl / 10, Math.max(now, this.#lease.freeAt));
      if (taken) this.#takeOver();
    }
    if (this.#lease.held) await this.#active.review();
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
    const { candidate, notices, log } = this.#o;
    log.info({ token: this.#lease.token }, `${candidate.instance} controls the webhook now`);
    notices.publish({ type: "controller", instance: candidate.instance, token: this.#lease.token });
    this.#active.tookOver();
  }
}
