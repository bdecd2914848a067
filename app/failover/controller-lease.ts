import type { Clock } from "../clock.ts";
import type { LeaseRow } from "../store/schema.ts";
import type { Store, Writer } from "../store/store.ts";

const NAME = "controller";

/** The process that asks for the lease. */
export interface Candidate {
  /** Unique for all time. */
  holder: string;
  instance: string;
  host: string;
}

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
  #heldUntil = Number.NEGATIVE_INFINITY;
  #token = 0;
  #seen: { row: LeaseRow; since: number } | undefined;
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
    return this.#clock.monotonic() < this.#heldUntil && !this.#fences?.isRaised(this.#candidate);
  }

  /** The fencing token under which this instance holds the lease, or held it last. */
  get token(): number {
    return this.#token;
  }

  /** Calls `listener` whenever this instance takes the lease, also anew. The result unsubscribes. */
  onTaken(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The lease as this instance last read it; for display. */
  get holder(): LeaseRow | undefined {
    return this.#seen?.row;
  }

  /** When another holder's lease ends, unless it is renewed before (ms, monotonic). */
  get freeAt(): number {
    return (this.#seen?.since ?? Number.NEGATIVE_INFINITY) + this.#ttlMs;
  }

  /**
   * Renews the lease, or takes it if it is free. The lease is free early if `isGone` proves that its holder's process
   * has ended, or if the holder is stopped: then a fence keeps it from acting when it wakes.
   * Returns whether this instance holds the lease now, and whether it has just taken it.
   */
  async acquire(isGone: (holder: LeaseRow) => boolean): Promise<{ held: boolean; taken: boolean }> {
    const askedAt = this.#clock.monotonic();
    if (this.#fences?.isRaised(this.#candidate)) {
      this.#heldUntil = Number.NEGATIVE_INFINITY;
      this.#fences.remove(this.#candidate);
    }
    const row = await this.#look();
    const mine = row?.holder === this.#candidate.holder;
    if (row && !mine && row.holder !== null && !this.#isFree(row) && !isGone(row)) {
      if (!this.#isStopped(row)) {
        this.#heldUntil = Number.NEGATIVE_INFINITY;
        return { held: false, taken: false };
      }
      this.#fences?.raise(row);
    }
    // A holder that renews too late takes the lease anew, with a new token: others may have acted meanwhile.
    const renewing = mine && this.held;
    const next: LeaseRow = {
      name: NAME,
      ...this.#candidate,
      token: renewing ? (row?.token ?? 0) : (row?.token ?? 0) + 1,
      beat: (row?.beat ?? 0) + 1,
    };
    if (!(await this.#replace(row, next))) return { held: this.held, taken: false };
    // The lease may have run out while it was renewed. Writes were refused meanwhile, as after another holder.
    const taken = !renewing || !this.held;
    this.#token = next.token;
    this.#heldUntil = askedAt + this.#ttlMs;
    this.#remember(next);
    if (taken) for (const listener of this.#listeners) listener();
    return { held: this.held, taken };
  }

  /** Gives up the lease, so that another instance need not wait for its end. */
  async release(): Promise<void> {
    this.#heldUntil = Number.NEGATIVE_INFINITY;
    await this.#store.write(async (trx) => {
      await trx
        .updateTable("leases")
        .set((e) => ({ holder: null, beat: e("beat", "+", 1) }))
        .where("name", "=", NAME)
        .where("holder", "=", this.#candidate.holder)
        .execute();
      await this.#store.notify(trx);
    });
  }

  /**
   * Runs `work` in a transaction that commits only if this instance holds the lease with its token.
   * @throws {NotControllerError} otherwise.
   */
  write<T>(work: (trx: Writer, store: Store) => Promise<T>): Promise<T> {
    const token = this.#token;
    return this.#store.write(async (trx) => {
      const row = await trx
        .selectFrom("leases")
        .select("token")
        .where("name", "=", NAME)
        .where("holder", "=", this.#candidate.holder)
        .where("token", "=", token)
        .$if(this.#store.can.rowLocks, (q) => q.forUpdate())
        .executeTakeFirst();
      if (!row || !this.held) throw new NotControllerError(this.#candidate.holder);
      const result = await work(trx, this.#store);
      await this.#store.notify(trx);
      return result;
    });
  }

  async #look(): Promise<LeaseRow | undefined> {
    const row = await this.#store.read
      .selectFrom("leases")
      .selectAll()
      .where("name", "=", NAME)
      .executeTakeFirst();
    if (row) this.#remember(row);
    return row;
  }

  #remember(row: LeaseRow): void {
    const seen = this.#seen?.row;
    if (seen && seen.token === row.token && seen.beat === row.beat) return;
    this.#seen = { row, since: this.#clock.monotonic() };
  }

  #isFree(row: LeaseRow): boolean {
    const seen = this.#seen;
    if (!seen || seen.row.token !== row.token || seen.row.beat !== row.beat) return false;
    return this.#clock.monotonic() >= this.freeAt;
  }

  #replace(row: LeaseRow | undefined, next: LeaseRow): Promise<boolean> {
    return this.#store.write(async (trx) => {
      const changed = row
        ? await trx
            .updateTable("leases")
            .set(next)
            .where("name", "=", NAME)
            .where("token", "=", row.token)
            .where("beat", "=", row.beat)
            .returning("name")
            .executeTakeFirst()
        : await trx
            .insertInto("leases")
            .values(next)
            .onConflict((c) => c.doNothing())
            .returning("name")
            .executeTakeFirst();
      return changed !== undefined;
    });
  }
}
