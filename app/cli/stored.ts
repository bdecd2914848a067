import { isoTime, systemClock } from "../clock.ts";
import { linkBase } from "../config/link-base.ts";
import type { Config } from "../config/load.ts";
import { isInSync, lastFailover, readSwitchboard } from "../failover/switchboard.ts";
import { streamLog } from "../http/deployment-log.ts";
import { decodeCursor, encodeCursor } from "../http/list-query.ts";
import { pending } from "../queue/pending.ts";
import { countVerifications } from "../reads/count-verifications.ts";
import { type DeploymentFilter, listDeployments } from "../reads/list-deployments.ts";
import { listTargets } from "../reads/list-targets.ts";
import { presentDeployment, presentFailover } from "../reads/present.ts";
import { openStore } from "../store/open-store.ts";
import type { Store } from "../store/store.ts";
import { VERSION } from "../version.ts";

/**
 * Opens the store only to read it: nothing is created or migrated.
 * @throws {StoreUnavailableError} when it cannot be opened.
 */
export async function withStore<T>(
  config: Pick<Config, "store">,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const store = await openStore(config.store, { clock: systemClock, forRunner: true, threads: false });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** What `/api/status` would answer, as far as the store tells. */
export function storedStatus(config: Config) {
  return withStore(config, async (store) => {
    const [board, last, { waiting, running }, scans, verification, targets] = await Promise.all([
      readSwitchboard(store),
      lastFailover(store),
      pending(store),
      store.read.selectFrom("looks").selectAll().execute(),
      countVerifications(store, null),
      listTargets(store, config, () => true),
    ]);
    return {
      instance: null,
      version: VERSION,
      controller: null,
      active: board?.active ?? null,
      pinned: board?.pinned ?? null,
      mode: config.webhook.mode,
      endpoints: config.instances.map(({ name, url }, priority) => ({
        ...{ name, url, priority, status: "unhealthy" as const, reason: "no instance answers", seen_by: {} },
        ...{ last_health_check: null, consecutive_failures: 0, consecutive_successes: 0 },
        ...{ avg_response_time_ms: null, p95_response_time_ms: null, success_rate: null },
      })),
      targets,
      webhook: {
        url: board?.webhook_url ?? null,
        verified_at: isoTime(board?.webhook_verified_at ?? null),
        in_sync: isInSync(board, config),
      },
      last_failover: last ? presentFailover(last) : null,
      queue: {
        queued: waiting.reduce((sum, { count }) => sum + Number(count), 0),
        running: running.length,
      },
      catch_up: {
        last_run_at: isoTime(Math.max(0, ...scans.map(({ completed_at }) => completed_at ?? 0)) || null),
        found: scans.reduce((sum, { found }) => sum + found, 0),
        accepted: scans.reduce((sum, { accepted }) => sum + accepted, 0),
      },
      verification,
    };
  });
}

/** A page of the deployments, as `/api/deployments` answers it. */
export function storedDeployments(
  config: Config,
  { filter, cursor, limit }: { filter: DeploymentFilter; cursor: string | undefined; limit: number },
) {
  return withStore(config, async (store) => {
    const before = decodeCursor<[seq: number]>(cursor, ["number"])?.[0];
    const { rows, next } = await listDeployments(store, { visible: null, filter, before, limit });
    return {
      items: rows.map((row) => presentDeployment(row, { url: `${linkBase(config)}/deployments/${row.id}` })),
      next_cursor: next === null ? null : encodeCursor([next]),
    };
  });
}

/** Hands the output of a deployment to `write`, bit by bit. Returns false where there is no such deployment. */
export function storedLog(config: Config, id: string, write: (chunk: Uint8Array) => void): Promise<boolean> {
  return withStore(config, async (store) => {
    const found = await store.read
      .selectFrom("deployments")
      .select("id")
      .where("id", "=", id)
      .executeTakeFirst();
    if (!found) return false;
    for await (const chunk of streamLog(store, id, { follow: false, timestamps: false })) write(chunk);
    return true;
  });
}
