import type { Store, Writer } from "../store/store.ts";
import type { ControllerLease } from "./controller-lease.ts";

/**
 * Has targets with `queue: all` wait while events may be on their way that GitHub could not deliver: the first
 * one that a new active endpoint gets would else be deployed before them, and by the rule of order they would
 * then be superseded.
 */
export class QueueHold {
  #store: Store;
  #lease: ControllerLease;
  /** A hold that began later is not for an earlier one to end. */
  #latest = 0;

  constructor(options: { store: Store; lease: ControllerLease }) {
    this.#store = options.store;
    this.#lease = options.lease;
  }

  /** Begins a hold in the transaction `trx`. It ends by itself after `limitMs`, whatever becomes of this instance. */
  async begin(trx: Writer, limitMs: number): Promise<void> {
    this.#latest += 1;
    const until = (await this.#store.now(trx)) + limitMs;
    await this.#set(trx, until);
  }

  /** Ends the hold that is on now when `look` has ended, unless another one has begun by then. */
  async endAfter(look: Promise<void>): Promise<void> {
    const hold = this.#latest;
    await look;
    if (hold !== this.#latest) return;
    await this.#lease.write((trx) => this.#set(trx, null));
  }

  async #set(trx: Writer, until: number | null): Promise<void> {
    await trx.updateTable("switchboard").set({ queues_held_until: until }).where("id", "=", 1).execute();
  }
}
