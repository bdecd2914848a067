import type { Logger } from "pino";
import type { RepositoryNames } from "../accept/repository-names.ts";
import type { Clock } from "../clock.ts";
import type { TargetConfig } from "../config/schema.ts";
import type { ControllerLease } from "../failover/controller-lease.ts";
import { type CallBudget, placesToScan, scanInterval } from "../github/call-budget.ts";
import type { RepositoryAccess } from "../github/repository-access.ts";
import { inSlices } from "../store/in-slices.ts";
import { accountOf } from "../store/repository-key.ts";
import type { Store } from "../store/store.ts";
import { Scheduler, type Task } from "./scheduler.ts";

export interface PlaceScanOptions<P> {
  /** The name of its progress in the store. */
  name: string;
  /** Each place by its key in the store. */
  places: ReadonlyMap<string, P>;
  /** The place with another key that an event asked for. */
  otherPlace?: (key: string) => P | undefined;
  /** How often each place is scanned while there are few places (ms). */
  everyMs: number;
  /** The part of an account's hourly calls that the scan may spend. */
  share: number;
  store: Store;
  clock: Clock;
  budget: CallBudget;
  lease: ControllerLease;
  log: Logger;
}

/** A scan that runs by itself: its name in the log, and what it does. `scan` returns why it must be repeated soon. */
export interface OwnSchedule {
  task: string;
  scan: (signal: AbortSignal) => Promise<unknown>;
}

/** The parts of its instance that a scan of the controller needs. */
export interface PlaceScanParts {
  store: Store;
  clock: Clock;
  log: Logger;
  targets: readonly TargetConfig[];
  /** Repositories that the configured names stand for. Without it, a name stands for the repository of that name. */
  names?: RepositoryNames | undefined;
  access: RepositoryAccess;
  /** The calls to GitHub that are left in this hour. */
  budget: CallBudget;
  /** Only the controller scans. */
  lease: ControllerLease;
}

/** A place to scan now. */
export interface DuePlace<P> {
  key: string;
  place: P;
  /** When GitHub last showed it (ms, GitHub's clock); null if GitHub never did, or gave no time. */
  seenAt: number | null;
  /** The number of the last event that asked for it. */
  asked: number;
}

/** Calls `onAsked` once for each event that asks for a scan of a place, whichever instance the event came to. */
export class AskedPlaces {
  #o: { store: Store; scan: string; canRun: () => boolean; onAsked: () => void };
  #unwatch: () => void;
  /** Whether the store is being read, and must be read again. */
  #asking: "no" | "once" | "again" = "no";
  /** The last reported event of each place that waits for its scan. */
  #told = new Map<string, number>();

  constructor(options: { store: Store; scan: string; canRun: () => boolean; onAsked: () => void }) {
    this.#o = options;
    this.#unwatch = options.store.onChange(() => void this.#onChange());
  }

  close(): void {
    this.#unwatch();
  }

  /** Reports the next event of these places, whose count begins anew. */
  forget(places: readonly string[]): void {
    for (const place of places) this.#told.delete(place);
  }

  async #onChange(): Promise<void> {
    const { canRun, onAsked } = this.#o;
    if (!canRun()) return;
    const asking = this.#asking;
    this.#asking = asking === "no" ? "once" : "again";
    if (asking !== "no") return;
    try {
      const places = await this.#asked();
      const fresh = places.filter(({ place, asked }) => this.#told.get(place) !== asked);
      this.#told = new Map(places.map(({ place, asked }) => [place, asked]));
      if (fresh.length > 0) onAsked();
    } catch {
      // The next scan reads it from the store.
    }
    const again = this.#asking === "again";
    this.#asking = "no";
    if (again) await this.#onChange();
  }

  #asked(): Promise<{ place: string; asked: number }[]> {
    const { store, scan } = this.#o;
    return store.read
      .selectFrom("scans")
      .select(["place", "asked"])
      .where("scan", "=", scan)
      .whereRef("asked", ">", "served")
      .execute();
  }
}

/**
 * Chooses the places at GitHub to scan next. Places that events ask for come first; the others take turns, as far as
 * the calls of their account allow. Progress is kept in the store, so that the next controller continues.
 */
export class PlaceScan<P extends { repository: string }> {
  #o: PlaceScanOptions<P>;
  #accounts: Map<string, [string, P][]>;
  #all = false;
  /** Places whose last scan failed. */
  #failed = new Set<string>();
  /** Accounts with few calls left, once that was logged. */
  #resting = new Set<string>();

  constructor(options: PlaceScanOptions<P>) {
    this.#o = options;
    this.#accounts = Map.groupBy(options.places, ([, { repository }]) => accountOf(repository));
  }

  /** The longest time that a place waits for its turn (ms). */
  get longestInterval(): number {
    return Math.max(
      ...[...this.#accounts].map(([account, { length }]) =>
        scanInterval(length, this.#o.everyMs, this.#callsPerHour(account)),
      ),
    );
  }

  /** Makes every place due next time, as far as calls allow. */
  askAll(): void {
    this.#all = true;
  }

  /** The places to scan now. */
  async next(): Promise<DuePlace<P>[]> {
    const { name, places, otherPlace, store } = this.#o;
    const rows = await store.read.selectFrom("scans").selectAll().where("scan", "=", name).execute();
    const known = new Map(rows.map((row) => [row.place, row]));
    const asked = rows.filter((row) => row.asked > row.served).map(({ place }) => place);
    const planned = [...this.#accounts].flatMap(([account, own]) =>
      this.#planned(account, own, (key) => known.get(key)?.scanned_at ?? null),
    );
    this.#all = false;
    return [...new Set([...asked, ...planned])].flatMap((key) => {
      const place = places.get(key) ?? otherPlace?.(key);
      const row = known.get(key);
      return place ? [{ key, place, seenAt: row?.seen_at ?? null, asked: row?.asked ?? 0 }] : [];
    });
  }

  #callsPerHour(account: string): number | null {
    const limit = this.#o.budget.limitOf(account);
    return limit === null ? null : limit * this.#o.share;
  }

  /** The places of an account to scan now that no event asked for. */
  #planned(account: string, places: [string, P][], scannedAt: (key: string) => number | null): string[] {
    const { name, clock, budget, everyMs, log } = this.#o;
    const rest = budget.restOf(account);
    if (rest > 0) {
      if (!this.#resting.has(account))
        log.warn(
          { account, scan: name },
          `few of the hour's calls to GitHub are left for ${account}: the scan continues in ${Math.ceil(rest / 1000)} s`,
        );
      this.#resting.add(account);
      return [];
    }
    this.#resting.delete(account);
    const keys = places.map(([key]) => key);
    const planned = placesToScan({
      places: keys,
      scannedAt,
      now: clock.now(),
      everyMs,
      callsPerHour: this.#callsPerHour(account),
      all: this.#all,
    });
    return [...keys.filter((key) => this.#failed.has(key)), ...planned];
  }

  /**
   * Records the scanned places of a scan that began at `begun` (ms). `seen` holds them, each with GitHub's time (ms), or
   * null if GitHub did not show the place. Due places that are missing in `seen` are due again next time.
   * @throws {NotControllerError} when another instance has become the controller.
   */
  async done(due: readonly DuePlace<P>[], seen: ReadonlyMap<P, number | null>, begun: number): Promise<void> {
    for (const { key, place } of due)
      if (seen.has(place)) this.#failed.delete(key);
      else this.#failed.add(key);
    if (seen.size === 0) return;
    const rows = due
      .filter(({ place }) => seen.has(place))
      .map(({ key, place, asked }) => ({
        scan: this.#o.name,
        place: key,
        scanned_at: begun,
        seen_at: seen.get(place) ?? null,
        asked,
        served: asked,
      }));
    await this.#o.lease.write((trx) =>
      inSlices(rows, (slice) =>
        trx
          .insertInto("scans")
          .values(slice)
          .onConflict((c) =>
            c.columns(["scan", "place"]).doUpdateSet(({ ref, fn }) => ({
              scanned_at: ref("excluded.scanned_at"),
              seen_at: fn.coalesce("excluded.seen_at", "scans.seen_at"),
              served: ref("excluded.served"),
            })),
          )
          .execute(),
      ),
    );
  }
}

/** A scan with a schedule of its own: after `now`, it looks at all places at once, and again every `everyMs`. */
export class ScheduledScan<P extends { repository: string }> extends PlaceScan<P> {
  #scheduler: Scheduler<Task>;

  constructor(options: PlaceScanOptions<P> & OwnSchedule) {
    super(options);
    const { task, scan, lease, ...rest } = options;
    this.#scheduler = new Scheduler<Task>({
      ...rest,
      tasks: [{ name: task, everyMs: options.everyMs }],
      work: async (due, signal) => {
        const failure = await scan(signal);
        return new Map(failure === undefined ? [] : due.map((one) => [one, failure]));
      },
      canRun: () => lease.held,
    });
  }

  /** Scans all places now. */
  now(): void {
    this.askAll();
    this.dueNow();
  }

  /** Scans the due places now. */
  dueNow(): void {
    void this.#scheduler.runNow();
  }

  close(): Promise<void> {
    return this.#scheduler.close();
  }
}
