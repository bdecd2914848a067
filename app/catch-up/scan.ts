import type { Accepted } from "../accept/accepted.ts";
import type { Arrival } from "../accept/arrival.ts";
import type { TargetConfig } from "../config/schema.ts";
import type { ControllerLease } from "../failover/controller-lease.ts";
import type { AlertFacts } from "../queue/alert-facts.ts";
import { raiseAlert } from "../queue/raise-alert.ts";
import { byTarget } from "../store/by-target.ts";
import { inSlices } from "../store/in-slices.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { LookRow } from "../store/schema.ts";
import type { Store, Writer } from "../store/store.ts";
import type { Task } from "../upkeep/scheduler.ts";

/** The result of a scan. */
export interface Collected {
  arrivals: Arrival[];
  /** Why the scan could not read everything; then it is repeated soon. */
  failure?: unknown;
  /** Called when the arrivals are on disk, with the number of those that had been missed. */
  done(counts: Found): Promise<void>;
}

/** How many arrivals had been missed, and how many of these are deployed. Newer runs overtake the others. */
export interface Found {
  found: number;
  accepted: number;
}

/** A scan of GitHub for events or requests that never arrived. */
export interface Scan extends Task {
  collect(signal: AbortSignal): Promise<Collected>;
}

/** The record of the last complete scan of this name. */
export function lastScan(store: Store, name: string): Promise<LookRow | undefined> {
  return store.read.selectFrom("looks").selectAll().where("name", "=", name).executeTakeFirst();
}

/**
 * Counts the arrivals that a scan found. Duplicates do not count: they arrived by another route during the scan. Runs
 * that wait for an approved job, and those that only an Action may deploy, do not count either. `going`
 * holds the ids of deployments that no newer run overtakes.
 */
export function countResults(results: ReadonlyMap<Arrival, Accepted>, going: ReadonlySet<string>): Found {
  const wanted = [...results].filter(
    ([{ targets }, { outcome, conflict }]) =>
      targets.length > 0 && (outcome === "deployed" || outcome === "superseded" || conflict !== null),
  );
  const accepted = wanted.filter(([, { deployments }]) => deployments.some(({ id }) => going.has(id)));
  return { found: wanted.length, accepted: accepted.length };
}

/** The ids of those deployments that run, have ended, or will run. With `queue: latest`, of queued ones only the newest. */
export async function goingDeployments(
  store: Pick<Store, "read">,
  targets: readonly TargetConfig[],
  ids: readonly string[],
): Promise<Set<string>> {
  const going = new Set<string>();
  await inSlices(ids, async (slice) => {
    const rows = await store.read
      .selectFrom("deployments")
      .select(["id", "repository_key", "target", "status"])
      .where("id", "in", slice)
      .where("status", "<>", "superseded")
      .execute();
    for (const row of rows) if (row.status !== "queued") going.add(row.id);
    const waiting = Map.groupBy(
      rows.filter(({ status }) => status === "queued"),
      ({ repository_key, target }) => `${repository_key} ${target}`,
    );
    for (const [place, here] of waiting) {
      const config = targets.find((t) => `${repositoryKey(t.repository)} ${t.name}` === place);
      const newest = config?.queue === "latest" ? await newestWaiting(store, config) : null;
      for (const { id } of here) if (newest === null || newest === id) going.add(id);
    }
  });
  return going;
}

async function newestWaiting({ read }: Pick<Store, "read">, target: TargetConfig): Promise<string | null> {
  const row = await read
    .selectFrom("deployments")
    .select("id")
    .where("repository_key", "=", repositoryKey(target.repository))
    .where("target", "=", target.name)
    .where("status", "=", "queued")
    .orderBy("order_run_id", "desc")
    .orderBy("order_run_attempt", "desc")
    .orderBy("seq", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.id ?? null;
}

/**
 * Records a complete scan, and adds its counts to those of the earlier ones.
 * @throws {NotControllerError} when another instance has become the controller.
 */
export function recordScan(
  lease: ControllerLease,
  name: string,
  completedAt: number,
  { found, accepted }: Found,
): Promise<void> {
  return lease.write(async (trx, store) => {
    if (found > 0) await tellFound(trx, store, { look: name, found, accepted });
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

/** Records the alert of found requests. Until an alert is sent, later finds of the same scan are added to it. */
async function tellFound(trx: Writer, store: Store, facts: AlertFacts["catch_up"]): Promise<void> {
  const alert = { kind: "catch_up", state: "event", subject: facts.look, facts } as const;
  const untold = await trx
    .selectFrom("alerts")
    .select(["id", "facts"])
    .where("kind", "=", "catch_up")
    .where("subject", "=", facts.look)
    .where("told_at", "is", null)
    .limit(1)
    .$if(store.can.rowLocks, (q) => q.forUpdate())
    .executeTakeFirst();
  if (!untold) return raiseAlert(trx, store, alert);
  const before = JSON.parse(untold.facts) as Found;
  const sum = { found: before.found + facts.found, accepted: before.accepted + facts.accepted };
  await trx
    .updateTable("alerts")
    .set({ facts: JSON.stringify({ ...facts, ...sum }) })
    .where("id", "=", untold.id)
    .execute();
}

/** The time since which each of these targets is watched (ms, GitHub's clock). */
export async function watchedSince(
  store: Store,
  targets: readonly TargetConfig[],
): Promise<Map<TargetConfig, number>> {
  const rows = await store.read
    .selectFrom("targets")
    .select(["repository", "target", "watch_from"])
    .execute();
  const find = byTarget(rows);
  const since = new Map<TargetConfig, number>();
  for (const target of targets) {
    const from = find(target.repository, target.name)?.watch_from;
    if (from != null) since.set(target, from);
  }
  return since;
}
