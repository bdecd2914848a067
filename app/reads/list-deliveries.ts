import { RUN_KEY } from "../store/delivery-key.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { DeliveryRow } from "../store/schema.ts";
import type { Store } from "../store/store.ts";

/** Whether a list shows GitHub's `deployment` events; see {@link DeliveryFilter}. */
export const ECHOES = ["hidden", "shown"] as const;

/** A filter for deliveries; undefined fields do not filter. */
export interface DeliveryFilter {
  id?: string | undefined;
  repository?: string | undefined;
  guid?: string | undefined;
  event?: string | undefined;
  /**
   * Whether to leave out GitHub's `deployment` events. Most of them are echoes of the App's own calls and
   * deploy nothing.
   */
  withoutEchoes?: boolean;
  outcome?: DeliveryRow["outcome"] | undefined;
  source?: DeliveryRow["source"] | undefined;
  run?: number | undefined;
}

/** The sort key of deliveries: the time of arrival, then the id. */
export type DeliveryPlace = readonly [receivedAt: number, id: string];

/** One page of the deliveries that the viewer may see, newest first, and the place of the next page. */
export async function listDeliveries(
  store: Store,
  options: {
    /** The only repositories to show (keys); null shows all. */
    visible: string[] | null;
    filter: DeliveryFilter;
    before?: DeliveryPlace | undefined;
    /** Only deliveries that arrived at this time or later (ms). */
    since?: number;
    limit: number;
  },
): Promise<{ rows: DeliveryRow[]; next: DeliveryPlace | null }> {
  const { visible, before, since, limit } = options;
  const { id, repository, guid, event, outcome, source, run, withoutEchoes } = options.filter;
  const rows = await store.read
    .selectFrom("deliveries")
    .selectAll()
    .$if(before !== undefined, (q) => {
      const [at, id] = before as DeliveryPlace;
      return q
        .where("received_at", "<=", at)
        .where((e) =>
          e.or([e("received_at", "<", at), e.and([e("received_at", "=", at), e("id", "<", id)])]),
        );
    })
    .$if(since !== undefined, (q) => q.where("received_at", ">=", since as number))
    .$if(visible !== null, (q) => q.where("repository", "in", visible ?? []))
    .$if(id !== undefined, (q) => q.where("id", "=", id ?? ""))
    .$if(repository !== undefined, (q) => q.where("repository", "=", repositoryKey(repository ?? "")))
    .$if(guid !== undefined, (q) => q.where("guid", "=", guid ?? ""))
    .$if(event !== undefined, (q) => q.where("event", "=", event ?? ""))
    .$if(withoutEchoes === true, (q) =>
      // A request that an Action parked in a Deployment is no echo.
      q.where((e) => e.or([e("event", "<>", "deployment"), e("source", "=", "github_deployment")])),
    )
    .$if(outcome !== undefined, (q) => q.where("outcome", "=", outcome as DeliveryRow["outcome"]))
    .$if(source !== undefined, (q) => q.where("source", "=", source as DeliveryRow["source"]))
    .$if(run !== undefined, (q) => q.where(RUN_KEY, "=", run ?? 0))
    .orderBy("received_at", "desc")
    .orderBy("id", "desc")
    .limit(limit + 1)
    .execute();
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return { rows: page, next: last ? [last.received_at, last.id] : null };
}
