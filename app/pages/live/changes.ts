import { isFinal } from "../../../shared/deployment.ts";
import { isoTime } from "../../clock.ts";
import type { WebhookPlaces } from "../../config/webhook-url.ts";
import { isInSync, readSwitchboard } from "../../failover/switchboard.ts";
import { presentDelivery, presentDeployment, presentFailover } from "../../reads/present.ts";
import type { Store } from "../../store/store.ts";

/** A change of state, as `/live` sends it. */
export interface Change {
  type: "controller" | "endpoint" | "switchboard" | "failover" | "deployment" | "delivery" | "catch_up";
  data: unknown;
  /** The repository (key) of the change; null when everyone may see it. */
  repository: string | null;
}

/** How many of the newest are watched; for deployments also all that are queued or running. */
const WATCHED = 50;

/**
 * Finds changes since the last read, whichever instance made them. It reads the store, which all instances
 * share.
 */
export class Changes {
  #store: Store;
  #config: WebhookPlaces;
  #pageUrl: (id: string) => string;
  #known: Map<string, string> | undefined;
  /** The deployments that were queued or running at the last read. */
  #active: string[] = [];

  constructor(options: { store: Store; config: WebhookPlaces; pageUrl: (id: string) => string }) {
    this.#store = options.store;
    this.#config = options.config;
    this.#pageUrl = options.pageUrl;
  }

  /** Reads the current state, so that the next read finds only later changes. */
  async begin(): Promise<void> {
    this.#known = undefined;
    await this.check();
  }

  async check(): Promise<Change[]> {
    const state = await this.#read();
    const known = this.#known;
    this.#known = new Map([...state].map(([key, { data }]) => [key, JSON.stringify(data)]));
    if (!known) return [];
    return [...state].filter(([key]) => known.get(key) !== this.#known?.get(key)).map(([, change]) => change);
  }

  /** The whole watched state, each item under its own key, oldest first. */
  async #read(): Promise<Map<string, Change>> {
    const { read } = this.#store;
    const [board, lease, health, failovers, looks, newest, deliveries, ...pending] = await Promise.all([
      readSwitchboard(this.#store),
      read.selectFrom("leases").selectAll().where("name", "=", "controller").executeTakeFirst(),
      read.selectFrom("endpoint_health").selectAll().execute(),
      read.selectFrom("failovers").selectAll().orderBy("id", "desc").limit(WATCHED).execute(),
      read.selectFrom("looks").selectAll().execute(),
      read.selectFrom("deployments").selectAll().orderBy("seq", "desc").limit(WATCHED).execute(),
      read
        .selectFrom("deliveries")
        .selectAll()
        .orderBy("received_at", "desc")
        .orderBy("id", "desc")
        .limit(WATCHED)
        .execute(),
      // One query for each status, since each has a small index of its own.
      ...["running" as const, "queued" as const].map((status) =>
        read.selectFrom("deployments").selectAll().where("status", "=", status).limit(WATCHED).execute(),
      ),
      this.#active.length === 0
        ? []
        : read.selectFrom("deployments").selectAll().where("id", "in", this.#active).execute(),
    ]);
    const active = pending.flat();
    this.#active = active.filter(({ status }) => !isFinal(status)).map(({ id }) => id);
    const state = new Map<string, Change>();
    const note = (
      type: Change["type"],
      key: string | number,
      data: unknown,
      repository: string | null = null,
    ) => state.set(`${type} ${key}`, { type, data, repository });
    if (lease) note("controller", "", { instance: lease.holder === null ? null : lease.instance });
    for (const { endpoint, status, since } of health)
      note("endpoint", endpoint, { name: endpoint, status, since: isoTime(since) });
    if (board)
      note("switchboard", "", {
        active: board.active,
        pinned: board.pinned,
        reason: board.pinned_reason,
        webhook: {
          url: board.webhook_url,
          in_sync: isInSync(board, this.#config),
        },
      });
    for (const row of failovers.toReversed())
      note("failover", row.id, {
        id: row.id,
        ...presentFailover(row),
        abandoned_at: isoTime(row.abandoned_at),
      });
    for (const { name, found, accepted } of looks) note("catch_up", name, { name, found, accepted });
    for (const row of deliveries.toReversed()) note("delivery", row.id, presentDelivery(row), row.repository);
    for (const row of [...newest.toReversed(), ...active])
      note("deployment", row.id, presentDeployment(row, { url: this.#pageUrl(row.id) }), row.repository_key);
    return state;
  }
}
