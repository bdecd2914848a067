import type { Clock } from "../clock.ts";
import type { LeaseRow } from "../store/schema.ts";
import type { Store, Writer } from "../store/store.ts";
import { isHolder, readLease, releaseLease, replaceLease } from "./lease-row.ts";
import { asWinner, bidFor, type Candidate, freeAt, isHeld, type LeaseView, noteRow } from "./lease-rules.ts";

/**
 * A stopped holder that wakes still counts the time that its lease had left. A fence tells it that the lease was taken.
 * Only processes of one host see each other's fences.
 */
export interface Fences {
  raise: (holder: LeaseRow) => void;
  /** Whether there is one against this process. */
  isRaised: (candidate: Candidate) => boolean;
  remove: (candidate: Candidate) => void;
}

/** The caller does not hold the controller's lease (any more). Its transaction was rolled back. */
export class NotControllerError extends Error {
  override readonly name = "NotControllerError";
  constructor(holder: string) {
    super(`${holder} does not hold the controller's lease`);
  }
}

/**
 * The controller's lease, as one instance sees it. Its holder counts `ttlMs` from before it asked for the renewal. An
 * observer counts `ttlMs` from when it first saw that renewal. So the holder stops before an observer takes over. All
 * times are of the monotonic clock.
 */
export class ControllerLease {
  #store: Store;
  #clock: Clock;
  #ttlMs: number;
  #candidate: Candidate;
  #isStopped: (holder: LeaseRow) => boolean;
  #fences: Fences | undefined;
  #view: LeaseView = { heldUntil: Number.NEGATIVE_INFINITY, token: 0, seen: undefined };
  #listeners = new Set<() => void>();

  /** `isStopped` tells of a holder that stands still, and may be replaced behind one of the `fences`. */
  constructor(options: {
    store: Store;
    clock: Clock;
    ttlMs: number;
    candidate: Candidate;
    isStopped?: (holder: LeaseRow) => boolean;
    fences?: Fences;
  }) {
    this.#isStopped = options.isStopped ?? (() => false);
    this.#fences = options.fences;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#ttlMs = options.ttlMs;
    this.#candidate = options.candidate;
  }

  /** Whether this instance may act as the controller at this very moment. */
  get held(): boolean {
    return isHeld(this.#view, this.#clock.monotonic(), () => this.#isFenced);
  }

  /** The fencing token under which this instance holds the lease, or held it last. */
  get token(): number {
    return this.#view.token;
  }

  /** Calls `listener` whenever this instance takes the lease, also anew. The result unsubscribes. */
  onTaken(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The lease as this instance last read it; for display. */
  get holder(): LeaseRow | undefined {
    return this.#view.seen?.row;
  }

  /** When another holder's lease ends, unless it is renewed before (ms, monotonic). */
  get freeAt(): number {
    return freeAt(this.#view, this.#ttlMs);
  }

  /**
   * Renews the lease, or takes it if it is free. The lease is free early if `isGone` proves that its holder's process
   * has ended, or if the holder is stopped: then a fence keeps it from acting when it wakes.
   * Returns whether this instance holds the lease now, and whether it has just taken it.
   */
  async acquire(isGone: (holder: LeaseRow) => boolean): Promise<{ held: boolean; taken: boolean }> {
    const askedAt = this.#clock.monotonic();
    if (this.#isFenced) {
      this.#giveUp();
      this.#fences?.remove(this.#candidate);
    }
    // Only its holder renews a lease, so the holder knows the row. If it is wrong, the row is read after all.
    const known = this.held ? this.holder : undefined;
    return (
      (known && (await this.#bid(known, askedAt, isGone))) ??
      (await this.#bid(await readLease(this.#store.read), askedAt, isGone)) ?? {
        held: this.held,
        taken: false,
      }
    );
  }

  /** Bids for the lease. Undefined where the lease is not `row` any more. */
  async #bid(
    row: LeaseRow | undefined,
    askedAt: number,
    isGone: (holder: LeaseRow) => boolean,
  ): Promise<{ held: boolean; taken: boolean } | undefined> {
    this.#view = noteRow(this.#view, row, this.#clock.monotonic());
    const bid = bidFor(this.#view, row, {
      candidate: this.#candidate,
      ttlMs: this.#ttlMs,
      now: this.#clock.monotonic(),
      isFenced: () => this.#isFenced,
      isGone,
      isStopped: this.#isStopped,
    });
    if (bid.kind === "none") {
      this.#giveUp();
      return { held: false, taken: false };
    }
    if (bid.fenceOff) this.#fences?.raise(bid.fenceOff);
    if (!(await replaceLease(this.#store, row, bid.next))) return undefined;
    // A lease that ran out during its renewal counts as taken anew: this instance refused writes in between.
    const taken = !bid.renewing || !this.held;
    this.#view = asWinner(this.#view, bid.next, {
      askedAt,
      ttlMs: this.#ttlMs,
      now: this.#clock.monotonic(),
    });
    if (taken) for (const listener of this.#listeners) listener();
    return { held: this.held, taken };
  }

  /** Gives up the lease, so that another instance need not wait for its end. */
  async release(): Promise<void> {
    this.#giveUp();
    await releaseLease(this.#store, this.#candidate);
  }

  /**
   * Runs `work` in a transaction that commits only if this instance holds the lease with its token.
   * @throws {NotControllerError} otherwise.
   */
  write<T>(work: (trx: Writer, store: Store) => Promise<T>): Promise<T> {
    const token = this.#view.token;
    return this.#store.write(async (trx) => {
      if (!(await isHolder(trx, this.#store, this.#candidate, token)) || !this.held)
        throw new NotControllerError(this.#candidate.holder);
      const result = await work(trx, this.#store);
      await this.#store.notify(trx);
      return result;
    });
  }

  get #isFenced(): boolean {
    return this.#fences?.isRaised(this.#candidate) ?? false;
  }

  #giveUp(): void {
    this.#view = { ...this.#view, heldUntil: Number.NEGATIVE_INFINITY };
  }
}
