import type { Accepted } from "../accept/accepted.ts";
import type { Arrival } from "../accept/arrival.ts";
import type { TargetConfig } from "../config/schema.ts";
import { raiseAlert } from "../queue/raise-alert.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { LookRow } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import type { ControllerLease } from "./controller-lease.ts";
import type { Task } from "./recurring.ts";

/** What a look at GitHub brought. */
export interface Collected {
  arrivals: Arrival[];
  /** Why it could not see everything; it is taken again soon then. */
  failure?: unknown;
  /** Called once the arrivals are on disk, with what became of each. */
  done(results: ReadonlyMap<Arrival, Accepted>): Promise<void>;
}

/** A place at GitHub where requests may wait that never arrived. */
export interface Look extends Task {
  collect(signal: AbortSignal): Promise<Collected>;
}

/** The last complete look of this name. */
export function lastLook(store: Store, name: string): Promise<LookRow | undefined> {
  return store.read.selectFrom("looks").selectAll().where("name", "=", name).executeTakeFirst();
}

/**
 * How many of a look's arrivals a target wants, and how many of these wait for their deployment now. What came by
 * another route while GitHub was being asked had not been missed.
 */
export function countResults(results: ReadonlyMap<Arrival, Accepted>): { found: number; accepted: number } {
  const wanted = [...results].filter(
    ([{ targets }, { outcome }]) => targets.length > 0 && outcome !== "duplicate",
  );
  return { found: wanted.length, accepted: wanted.filter(([, { queued }]) => queued).length };
}

/**
 * Records a complete look and adds what it found to what was found before.
 * @throws {NotControllerError} when another instance has become the controller.
 */
export function recordLook(
  lease: ControllerLease,
  name: string,
  completedAt: number,
  results: ReadonlyMap<Arrival, Accepted>,
): Promise<void> {
  const { found, accepted } = countResults(results);
  return lease.write(async (trx, store) => {
    if (found > 0)
      await raiseAlert(trx, store, {
        kind: "catch_up",
        state: "event",
        subject: name,
        facts: { look: name, found, accepted },
      });
    await trx
      .insertInto("looks")
      .values({ name, completed_at: completedAt, found, accepted })
      .onConflict((c) =>
        c.column("name").doUpdateSet((e) => ({
          completed_at: completedAt,
          found: e("looks.found", "+", found),
          accepted: e("looks.accepted", "+", accepted),
        })),
      )
      .execute();
  });
}

/** Since when each of these targets is watched (ms by GitHub's clock). */
export async function watchedSince(
  store: Store,
  targets: readonly TargetConfig[],
): Promise<Map<TargetConfig, number>> {
  const rows = await store.read
    .selectFrom("targets")
    .select(["repository", "target", "watch_from"])
    .execute();
  const since = new Map<TargetConfig, number>();
  for (const target of targets) {
    const row = rows.find(
      (r) => r.repository === repositoryKey(target.repository) && r.target === target.name,
    );
    if (row?.watch_from != null) since.set(target, row.watch_from);
  }
  return since;
}
