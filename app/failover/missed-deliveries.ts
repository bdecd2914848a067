import type { Store, Writer } from "../store/store.ts";
import type { ControllerLease } from "./controller-lease.ts";
import type { FailoverKind } from "./notices.ts";

/** A delivery that hung at the old endpoint shows in GitHub's log only once GitHub has given it up, after 10 s. */
const STRAGGLERS_MS = 11_000;
/** What failed shows there a moment after the process that had it is gone. */
const SHOWN_MS = 1_000;
/** How long queues are held at most, should the looks that end it fail: after a take-over, and after a failover. */
const HOLD_MS = { takeOver: 5_000, failover: STRAGGLERS_MS + 9_000 };

/**
 * What GitHub could not deliver around a change of the active endpoint: it is looked for, and targets with
 * `queue: all` wait for it. The first event that the new endpoint gets would else be deployed before the missed
 * ones, and by the rule of order these would then be superseded.
 */
export class MissedDeliveries {
  #store: Store;
  #lease: ControllerLease;
  #look: () => Promise<void>;
  /** A hold that began later is not for the end of an earlier one's look to end. */
  #holds = 0;
  /** The look to come at what hung at an endpoint that may be up again, or still is. */
  #stragglers: { from: string; timer: NodeJS.Timeout } | undefined;

  /** `look` resolves when what GitHub could not deliver until then has been accepted. */
  constructor(options: { store: Store; lease: ControllerLease; look: () => Promise<void> }) {
    this.#store = options.store;
    this.#lease = options.lease;
    this.#look = options.look;
  }

  /**
   * Another controller may have seen little of what happened before: queues wait for `look`. A hold that it began
   * stays, and ends by itself: this one does not know what for.
   */
  async tookOver(look: Promise<void>): Promise<void> {
    // The very first controller has missed nothing.
    if (this.#lease.token === 1) return;
    const began = await this.#lease
      .write(async (trx) => {
        const board = await trx.selectFrom("switchboard").select("queues_held_until").executeTakeFirst();
        if ((board?.queues_held_until ?? 0) > (await this.#store.now(trx))) return false;
        await this.#hold(trx, HOLD_MS.takeOver);
        return true;
      })
      .catch(() => false);
    if (began) this.#endHoldAfter(look);
  }

  /** In the transaction that decides a failover. */
  async decided(trx: Writer): Promise<void> {
    await this.#hold(trx, HOLD_MS.failover);
  }

  /** GitHub has taken the URL of another endpoint; `gone` tells whether the old one's process is. */
  switched({ from, kind, gone }: { from: string; kind: FailoverKind; gone: boolean }): void {
    const look = this.#look();
    this.#lookForStragglersIn(STRAGGLERS_MS, from);
    if (kind !== "failover" || gone) this.#endHoldAfter(look);
  }

  /** An endpoint's process is gone, and with it the deliveries that hung there. */
  gone(endpoint: string): void {
    if (this.#stragglers?.from === endpoint) this.#lookForStragglersIn(SHOWN_MS, endpoint);
  }

  close(): void {
    clearTimeout(this.#stragglers?.timer);
  }

  #lookForStragglersIn(ms: number, from: string): void {
    clearTimeout(this.#stragglers?.timer);
    const timer = setTimeout(() => {
      this.#stragglers = undefined;
      this.#endHoldAfter(this.#look());
    }, ms);
    this.#stragglers = { from, timer };
  }

  /** A hold ends by itself after `limitMs`, whatever becomes of this instance. */
  async #hold(trx: Writer, limitMs: number): Promise<void> {
    this.#holds += 1;
    await this.#setHold(trx, (await this.#store.now(trx)) + limitMs);
  }

  #endHoldAfter(look: Promise<void>): void {
    const hold = this.#holds;
    void look
      .then(async () => {
        if (hold === this.#holds) await this.#lease.write((trx) => this.#setHold(trx, null));
      })
      .catch(() => {});
  }

  async #setHold(trx: Writer, until: number | null): Promise<void> {
    await trx.updateTable("switchboard").set({ queues_held_until: until }).where("id", "=", 1).execute();
  }
}
