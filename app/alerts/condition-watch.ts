import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { AlertKind } from "../config/alert-kinds.ts";
import { type WebhookPlaces, webhookUrl } from "../config/webhook-url.ts";
import { NotControllerError } from "../failover/controller-lease.ts";
import type { BusEvent, EventBus } from "../failover/event-bus.ts";
import type { Failover } from "../failover/failover.ts";
import type { Health } from "../failover/health-window.ts";
import { readSwitchboard } from "../failover/switchboard.ts";
import type { AlertFacts } from "../queue/alert-facts.ts";
import { endExpiredHolds } from "../queue/hold.ts";
import { closeCondition, openCondition } from "../queue/raise-alert.ts";
import type { AlertConditionRow, SwitchboardRow } from "../store/schema.ts";
import type { Store } from "../store/store.ts";

const LOOK_MS = 1_000;
/** The longest time between two reads of the store. */
const READ_AGAIN_MS = 10_000;
/** An endpoint counts as back after it has been up for this long. */
const STEADY_MS = 5_000;
/** An endpoint that shuts down on purpose counts as lost only after this time. */
const PLANNED_MS = 30_000;
/** An endpoint that was never seen up counts as lost after this time. */
const START_MS = 30_000;
/** If GitHub's URL differs from the desired one for this long, an alert opens. */
const SYNC_MS = 15_000;

/** The kinds of alerts that this watch opens and closes. */
const KINDS = ["instance_lost", "all_down", "webhook_out_of_sync"] as const satisfies AlertKind[];
type WatchedKind = (typeof KINDS)[number];
type Opening = {
  [K in WatchedKind]: { kind: K; subject: string; facts: AlertFacts[K]; since: number };
}[WatchedKind];

/** What the store holds: the open conditions, the routing state, and when the first hold ends (null: none does). */
interface Recorded {
  conditions: AlertConditionRow[];
  board: SwitchboardRow | undefined;
  holdsEndAt: number | null;
}

export interface ConditionWatchOptions {
  store: Store;
  clock: Clock;
  config: WebhookPlaces;
  failover: Pick<Failover, "checker" | "controller">;
  bus: EventBus;
  log: Logger;
}

/**
 * Opens and closes the alerts of conditions that last: lost instances, and a webhook that differs from the desired one.
 * Every instance watches. Only the controller records a condition, once, in the store; there its successor finds it.
 */
export class ConditionWatch {
  #o: ConditionWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #unsubscribe: (() => void) | undefined;
  #unwatch: (() => void) | undefined;
  #recorded: Recorded | undefined;
  /** When the store is to be read again (ms, monotonic). */
  #readAgainAt = 0;
  #looking: Promise<void> | undefined;
  #startedAt = 0;
  /** Until when an endpoint that shut down on purpose is not lost (ms, monotonic). */
  #planned = new Map<string, number>();
  /** When GitHub's URL began to differ: on the wall clock to show, on the monotonic clock to measure (ms). */
  #outOfSync: { since: number; sinceMonotonic: number } | undefined;
  #deviation: (Extract<BusEvent, { type: "webhook_deviated" }> & { at: number }) | undefined;

  constructor(options: ConditionWatchOptions) {
    this.#o = options;
  }

  start(): void {
    const { clock, bus } = this.#o;
    this.#startedAt = clock.monotonic();
    this.#unsubscribe = bus.subscribe((event) => {
      if (event.type === "webhook_deviated") this.#deviation = { ...event, at: clock.now() };
      if (["webhook_deviated", "endpoint", "all_down"].includes(event.type)) this.#wake();
    });
    this.#unwatch = this.#o.store.onChange(() => {
      this.#readAgainAt = 0;
    });
    this.#timer = setInterval(() => this.#wake(), LOOK_MS);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#unsubscribe?.();
    this.#unwatch?.();
    await this.#looking;
  }

  #wake(): void {
    this.#looking ??= this.#look()
      .catch((error: Error) => {
        // The new controller looks instead. The store watch reports an unreachable store.
        if (!(error instanceof NotControllerError))
          this.#o.log.debug(`recording alerts failed, will retry: ${error.message}`);
      })
      .finally(() => {
        this.#looking = undefined;
      });
  }

  async #look(): Promise<void> {
    const { store, failover } = this.#o;
    this.#notePlanned();
    if (!failover.controller.held) {
      this.#outOfSync = undefined;
      this.#readAgainAt = 0;
      return;
    }
    const { conditions, board, holdsEndAt } = await this.#read();
    const deviation = this.#deviation;
    const webhook = this.#webhook(conditions, board);
    const [openings, closings] = [
      [...this.#lost(), ...webhook.openings].filter(
        ({ kind, subject }) => !isOpen(conditions, kind, subject),
      ),
      [...this.#back(conditions), ...webhook.closings],
    ];
    const isOver = holdsEndAt !== null && holdsEndAt <= (await store.now(store.read));
    if (openings.length + closings.length > 0 || isOver) {
      this.#readAgainAt = 0;
      await failover.controller.lease.write(async (trx) => {
        for (const one of openings) await openCondition(trx, store, one);
        for (const one of closings) await closeCondition(trx, store, one);
        await endExpiredHolds(trx, store);
      });
    }
    if (this.#deviation === deviation) this.#deviation = undefined;
  }

  /** Returns the recorded state. It seldom changes: the store is read only after a change, and every 10 s. */
  async #read(): Promise<Recorded> {
    const { store, clock } = this.#o;
    if (this.#recorded && clock.monotonic() < this.#readAgainAt) return this.#recorded;
    // Set before the read, so that a change during the read causes another one.
    this.#readAgainAt = clock.monotonic() + READ_AGAIN_MS;
    this.#recorded = undefined;
    const conditions = await store.read
      .selectFrom("alert_conditions")
      .selectAll()
      .where("kind", "in", KINDS)
      .execute();
    const board = await readSwitchboard(store);
    const holds = await store.read
      .selectFrom("targets")
      .select((e) => e.fn.min("held_until").as("endAt"))
      .executeTakeFirst();
    this.#recorded = { conditions, board, holdsEndAt: holds?.endAt ?? null };
    return this.#recorded;
  }

  #notePlanned(): void {
    const { clock, failover } = this.#o;
    for (const { name } of failover.checker.observe())
      if (failover.checker.isLeaving(name)) this.#planned.set(name, clock.monotonic() + PLANNED_MS);
  }

  #isLost(name: string, { status, stale }: Health): boolean {
    const now = this.#o.clock.monotonic();
    if (stale) return false;
    if (status === "unknown") return now - this.#startedAt > START_MS;
    return status === "unhealthy" && now > (this.#planned.get(name) ?? Number.NEGATIVE_INFINITY);
  }

  #lost(): Opening[] {
    const { clock, failover } = this.#o;
    const endpoints = failover.checker.observe();
    const lost = endpoints.filter(({ name, health }) => this.#isLost(name, health));
    const sinceOf = (monotonic: number | null) =>
      Math.round(clock.now() - (monotonic === null ? 0 : clock.monotonic() - monotonic));
    const each = lost.map(
      ({ name, health }): Opening => ({
        kind: "instance_lost",
        subject: name,
        facts: { reason: health.reason },
        since: sinceOf(health.unhealthySince),
      }),
    );
    if (lost.length < endpoints.length) return each;
    const reason = lost.map(({ name, health }) => `${name}: ${health.reason}`).join("; ");
    const since = Math.max(...each.map((one) => one.since));
    return [...each, { kind: "all_down", subject: "", facts: { reason }, since }];
  }

  #back(conditions: readonly AlertConditionRow[]) {
    const { clock, failover } = this.#o;
    const up = failover.checker.observe().filter(({ health: { status, lastUnhealthyAt } }) => {
      if (status !== "healthy" && status !== "degraded") return false;
      return lastUnhealthyAt === null || clock.monotonic() - lastUnhealthyAt >= STEADY_MS;
    });
    const back = up
      .filter(({ name }) => isOpen(conditions, "instance_lost", name))
      .map(({ name, health }) => ({
        kind: "instance_lost" as const,
        subject: name,
        facts: { reason: health.reason },
      }));
    const [first] = up;
    if (!first || !isOpen(conditions, "all_down", "")) return back;
    const reason = `${first.name}: ${first.health.reason}`;
    return [...back, { kind: "all_down" as const, subject: "", facts: { reason } }];
  }

  #webhook(conditions: readonly AlertConditionRow[], board: SwitchboardRow | undefined) {
    const { clock, config } = this.#o;
    const kind = "webhook_out_of_sync" as const;
    const wanted = board && webhookUrl(config, board.active);
    if (!wanted) return { openings: [], closings: [] };
    const found = board.webhook_url;
    const openings: Opening[] = [];
    if (this.#deviation)
      openings.push({
        kind,
        subject: "",
        facts: { found: this.#deviation.found, wanted: this.#deviation.wanted, cause: "changed" },
        since: this.#deviation.at,
      });
    if (found === wanted) this.#outOfSync = undefined;
    else this.#outOfSync ??= { since: clock.now(), sinceMonotonic: clock.monotonic() };
    const lasting = this.#outOfSync;
    if (lasting && clock.monotonic() - lasting.sinceMonotonic >= SYNC_MS && openings.length === 0)
      openings.push({
        kind,
        subject: "",
        facts: { found, wanted, cause: "not_taken" },
        since: lasting.since,
      });
    const open = conditions.find((one) => one.kind === kind);
    const settled = open && found === wanted && (board.webhook_verified_at ?? 0) > open.since;
    const facts = { found, wanted, cause: "changed" as const };
    return { openings, closings: settled ? [{ kind, subject: "", facts }] : [] };
  }
}

function isOpen(conditions: readonly AlertConditionRow[], kind: string, subject: string): boolean {
  return conditions.some((one) => one.kind === kind && one.subject === subject);
}
