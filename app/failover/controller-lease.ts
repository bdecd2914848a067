import type { Clock } from "../clock.ts";
import type { LeaseRow } from "../store/schema.ts";
import type { Store, Writer } from "../store/store.ts";

const NAME = "controller";

/** Who asks for the lease. */
export interface Candidate {
  /** Unique for all time. */
  holder: string;
  instance: string;
  host: string;
}

/** The caller does not hold the controller's lease (any more); what it wanted to write was not written. */
export class NotControllerError extends Error {
  override readonly name = "NotControllerError";
  constructor(holder: string) {
    super(`${holder} does not hold the controller's lease`);
  }
}

/**
 * The controller's lease, as one instance sees it. It is held from one renewal for `ttlMs`, measured on the
 * monotonic clock from before the renewal was asked for, so that its holder lets go before anyone takes over;
 * and it is free for an observer who has seen it stand still for `ttlMs`.
 */
export class ControllerLease {
  #store: Store;
  #clock: Clock;
  #ttlMs: number;
  #candidate: Candidate;
  #heldUntil = Number.NEGATIVE_INFINITY;
  #token = 0;
  #seen: { row: LeaseRow; since: number } | undefined;
  #listeners = new Set<() => void>();

  constructor(options: { store: Store; clock: Clock; ttlMs: number; candidate: Candidate }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#ttlMs = options.ttlMs;
    this.#candidate = options.candidate;
  }

  /** Whether this instance may act as the controller at this very moment. */
  get held(): boolean {
    return this.#clock.monotonic() < this.#heldUntil;
  }

  /** The fencing token under which this instance holds the lease, or held it last. */
  get token(): number {
    return this.#token;
  }

  /** Calls `listener` whenever this instance takes the lease, also anew. The result ends that. */
  onTaken(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whoever held the lease at the last look, for those who want to show it. */
  get holder(): LeaseRow | undefined {
    return this.#seen?.row;
  }

  /** When the lease of another is over, unless it is renewed before (monotonic). */
  get freeAt(): number {
    return (this.#seen?.since ?? Number.NEGATIVE_INFINITY) + this.#ttlMs;
  }

  /**
   * Renews the lease, or takes it where it is free. `isGone` tells whether the holder, on this host, is proven
   * to be no more, which frees the lease early. Returns whether it is held now, and whether it is new.
   */
  async acquire(isGone: (holder: LeaseRow) => boolean): Promise<{ held: boolean; taken: boolean }> {
    const askedAt = this.#clock.monotonic();
    const row = await this.#look();
    const mine = row?.holder === this.#candidate.holder;
    if (row && !mine && row.holder !== null && !this.#isFree(row) && !isGone(row)) {
      this.#heldUntil = Number.NEGATIVE_INFINITY;
      return { held: false, taken: false };
    }
    // A holder that comes too late begins anew, with a token of its own: others may have acted meanwhile.
    const renewing = mine && this.held;
    const next: LeaseRow = {
      name: NAME,
      ...this.#candidate,
      token: renewing ? (row?.token ?? 0) : (row?.token ?? 0) + 1,
      beat: (row?.beat ?? 0) + 1,
    };
    if (!(await this.#replace(row, next))) return { held: this.held, taken: false };
    this.#token = next.token;
    this.#heldUntil = askedAt + this.#ttlMs;
    this.#remember(next);
    if (!renewing) for (const listener of this.#listeners) listener();
    return { held: this.held, taken: !renewing };
  }

  /** Gives the lease up, so that another instance need not wait for its end. */
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
   * Runs `work` in a transaction that is committed only while this instance holds the lease with its token.
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
