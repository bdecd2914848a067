import type { Logger } from "pino";
import type { Acceptor } from "../accept/acceptor.ts";
import type { Arrival } from "../accept/arrival.ts";
import { judgeWorkflowRun, parseWorkflowRun } from "../accept/workflow-run.ts";
import type { Clock } from "../clock.ts";
import type { TargetConfig } from "../config/schema.ts";
import type { DeliveryLogClient, LoggedDelivery } from "../github/delivery-log.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Store } from "../store/store.ts";
import type { ControllerLease } from "./controller-lease.ts";
import type { Notices } from "./notices.ts";

/** The name under which the last complete look is on record. */
export const LOOK_NAME = "catch_up";
/** How far before the last complete look a new one reaches: a row can show long after its delivery began. */
const OVERLAP_MS = 10 * 60_000;
/** GitHub's log goes back no further. */
const LOG_KEPT_MS = 3 * 24 * 60 * 60_000;
/** How many GUIDs are looked up at a time. */
const CHUNK = 200;

export interface CatchUpOptions {
  store: Store;
  clock: Clock;
  log: Logger;
  notices: Notices;
  targets: readonly TargetConfig[];
  acceptor: Acceptor;
  deliveries: DeliveryLogClient;
  /** The look is recorded only by the controller. */
  lease: ControllerLease;
}

/**
 * Accepts what GitHub could not deliver. It reads GitHub's own log, asks the store which events are not on
 * record, fetches the payloads of those alone, and accepts them in the order of their runs. It needs neither a
 * public URL nor a redelivery.
 */
export async function catchUp(
  options: CatchUpOptions,
  signal: AbortSignal,
): Promise<{ found: number; accepted: number }> {
  const { store, clock, log, notices, lease } = options;
  const startedAt = clock.now();
  const last = await store.read
    .selectFrom("looks")
    .selectAll()
    .where("name", "=", LOOK_NAME)
    .executeTakeFirst();
  const since = Math.max((last?.completed_at ?? 0) - OVERLAP_MS, startedAt - LOG_KEPT_MS);

  const missing = await findMissing(options, since, signal);
  const arrivals: Arrival[] = [];
  for (const row of missing) arrivals.push(await fetchArrival(options, row, signal));
  // In the order of their runs, so that none supersedes an older one which the same look has found.
  arrivals.sort((a, b) => order(a) - order(b));
  const results = await Promise.all(arrivals.map((arrival) => options.acceptor.accept(arrival)));
  const accepted = results.filter(({ queued }) => queued).length;

  await lease.write(async (trx) => {
    const row = {
      completed_at: startedAt,
      found: (last?.found ?? 0) + missing.length,
      accepted: (last?.accepted ?? 0) + accepted,
    };
    await trx
      .insertInto("looks")
      .values({ name: LOOK_NAME, ...row })
      .onConflict((c) => c.column("name").doUpdateSet(row))
      .execute();
  });
  if (missing.length > 0) {
    log.warn({ found: missing.length, accepted }, "caught up with deliveries that had not arrived");
    notices.publish({ type: "catch_up", found: missing.length, accepted });
  }
  return { found: missing.length, accepted };
}

/** The deliveries that matter and are not on record: one row per event, whichever try of it. */
async function findMissing(
  { store, deliveries }: CatchUpOptions,
  since: number,
  signal: AbortSignal,
): Promise<LoggedDelivery[]> {
  const byGuid = new Map<string, LoggedDelivery>();
  for await (const row of deliveries.since(since, signal))
    if (row.event === "workflow_run" && row.action === "completed" && !byGuid.has(row.guid))
      byGuid.set(row.guid, row);
  const guids = [...byGuid.keys()];
  for (let start = 0; start < guids.length; start += CHUNK) {
    const known = await store.read
      .selectFrom("deliveries")
      .select("guid")
      .where("guid", "in", guids.slice(start, start + CHUNK))
      .execute();
    for (const { guid } of known) if (guid !== null) byGuid.delete(guid);
  }
  return [...byGuid.values()];
}

async function fetchArrival(
  { store, deliveries, targets }: CatchUpOptions,
  row: LoggedDelivery,
  signal: AbortSignal,
): Promise<Arrival> {
  const common = {
    source: "catch_up" as const,
    guid: row.guid,
    event: row.event,
    payload: null,
    viaRunAttempt: null,
  };
  let judged: ReturnType<typeof judgeWorkflowRun>;
  try {
    judged = judgeWorkflowRun(parseWorkflowRun(await deliveries.payload(row.id, signal)), targets);
  } catch (error) {
    if (signal.aborted || (error as { status?: number }).status !== undefined) throw error;
    const ignored = "the payload in GitHub's log is not that of a workflow_run event";
    return { ...common, action: row.action, facts: null, repository: "", targets: [], ignored };
  }
  // What was delivered before a target was watched is not for it: a new installation deploys no old runs.
  const watched = await store.read
    .selectFrom("targets")
    .select(["target", "watch_from"])
    .where("repository", "=", repositoryKey(judged.repository))
    .execute();
  const since = new Map(watched.map(({ target, watch_from }) => [target, watch_from]));
  const due = judged.targets.filter(
    ({ name }) => row.deliveredAt >= (since.get(name) ?? Number.POSITIVE_INFINITY),
  );
  const ignored =
    judged.ignored ?? (due.length > 0 ? null : "it was delivered before the target was first watched");
  return { ...common, ...judged, targets: due, ignored };
}

function order({ facts }: Arrival): number {
  return (facts?.runId ?? 0) + (facts?.runAttempt ?? 0) / 1000;
}
