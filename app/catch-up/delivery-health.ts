import type { Clock } from "../clock.ts";
import { LINGER_MS, lastFailover, readSwitchboard } from "../failover/switchboard.ts";
import type { LoggedDelivery } from "../github/delivery-log.ts";
import type { Store } from "../store/store.ts";

/** Older deliveries say nothing about the present. */
const RECENT_MS = 60_000;

/**
 * Reports the result of each of GitHub's deliveries to the active endpoint, once. The health checks of an endpoint may
 * succeed while it is unreachable for GitHub.
 */
export class DeliveryHealth {
  #store: Store;
  #clock: Clock;
  #delivered: (endpoint: string, ok: boolean, ms: number) => void;
  /** The id of the newest row so far: ids grow. */
  #newest: bigint | undefined;

  constructor(options: {
    store: Store;
    clock: Clock;
    delivered: (endpoint: string, ok: boolean, ms: number) => void;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#delivered = options.delivered;
  }

  /**
   * Reports the new rows of GitHub's log, which was read at `at` by GitHub's clock (ms). The first call only notes the
   * newest row.
   */
  async report(rows: readonly LoggedDelivery[], at: number): Promise<void> {
    const before = this.#newest;
    const ids = rows.map(({ id }) => BigInt(id));
    this.#newest = ids.reduce((newest, id) => (id > newest ? id : newest), before ?? 0n);
    if (before === undefined || !ids.some((id) => id > before)) return;
    const [board, last] = [await readSwitchboard(this.#store), await lastFailover(this.#store)];
    if (!board || (last && last.switched_at === null)) return;
    const ahead = at - this.#clock.now();
    const from = Math.max(at - RECENT_MS, (last?.switched_at ?? 0) + ahead + LINGER_MS);
    for (const { id, deliveredAt, statusCode, durationMs } of rows)
      if (statusCode !== null && BigInt(id) > before && deliveredAt >= from)
        this.#delivered(board.active, statusCode >= 200 && statusCode < 400, durationMs);
  }
}
