import { isoTime, systemClock } from "../clock.ts";
import { linkBase } from "../config/link-base.ts";
import type { Config } from "../config/load.ts";
import { streamLog } from "../http/deployment-log.ts";
import { decodeCursor, encodeCursor } from "../http/list-query.ts";
import { type DeploymentFilter, listDeployments } from "../reads/list-deployments.ts";
import { presentDeployment } from "../reads/present.ts";
import { readStatus } from "../reads/read-status.ts";
import { openStore } from "../store/open-store.ts";
import type { Store } from "../store/store.ts";

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
    const { parts, scans, counts } = await readStatus(store, config, { kind: "admin" });
    return {
      instance: null,
      ...parts,
      controller: null,
      endpoints: config.instances.map(({ name, url }, priority) => ({
        ...{ name, url, priority, status: "unhealthy" as const, reason: "no instance answers", seen_by: {} },
        ...{ last_health_check: null, consecutive_failures: 0, consecutive_successes: 0 },
        ...{ avg_response_time_ms: null, p95_response_time_ms: null, success_rate: null },
      })),
      catch_up: {
        last_run_at: isoTime(Math.max(0, ...scans.map(({ completed_at }) => completed_at ?? 0)) || null),
        ...counts,
      },
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
