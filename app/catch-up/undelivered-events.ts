import { ZodError } from "zod";
import { isSaidByGitHub } from "../../shared/github-failure.ts";
import type { Arrival } from "../accept/arrival.ts";
import { problemsOf } from "../accept/problems-of.ts";
import type { RepositoryNames } from "../accept/repository-names.ts";
import { judgeWorkflowRun, parseWorkflowRun } from "../accept/workflow-run.ts";
import type { TargetConfig } from "../config/schema.ts";
import type { ControllerLease } from "../failover/controller-lease.ts";
import type { DeliveryLogClient, LoggedDelivery } from "../github/delivery-log.ts";
import { readDeploymentEvent } from "../github/deployment-event.ts";
import { isGone } from "../github/github-error.ts";
import type { Store } from "../store/store.ts";
import { failureOf, settleInGroups } from "../upkeep/settle-in-groups.ts";
import type { DeliveryHealth } from "./delivery-health.ts";
import { type Collected, lastScan, recordScan, type Scan, watchedSince } from "./scan.ts";

/** The name of this scan's record in the store. */
export const UNDELIVERED_SCAN = "catch_up";
/** How far before the last complete scan a new one reaches: a row appears only when its delivery has ended. */
const OVERLAP_MS = 10 * 60_000;
/** No delivery in GitHub's log was first sent longer ago than this: GitHub Enterprise Server keeps 7 days. */
const LOG_REACHES_MS = 8 * 24 * 3_600_000;
/** How many GUIDs are looked up at a time. */
const CHUNK = 1_000;
/** After this many failed tries a payload is skipped: it must not hold up the others. */
const TRIES = 5;

export interface UndeliveredEventsOptions {
  store: Store;
  targets: readonly TargetConfig[];
  /** Repositories that the configured names stand for. Without it, a name stands for the repository of that name. */
  names?: RepositoryNames | undefined;
  deliveries: DeliveryLogClient;
  health: DeliveryHealth;
  lease: ControllerLease;
  /** Whether there are too many repositories to scan each of them every minute for parked requests. */
  wantsParked: () => boolean;
  /** Asks for a scan of a repository in which an Action parked a request. */
  onParked: (repository: string) => Promise<void>;
}

/** A scan under way: how far the log was read, and what it has shown so far. */
interface Progress {
  /** GitHub's time when the scan began, where the next scan starts; null before the first page. */
  startedAt: number | null;
  since: number;
  watched: Map<TargetConfig, number>;
  cursor: string | null;
  listed: boolean;
  /** The newest row of each event, by its GUID. */
  rows: Map<string, LoggedDelivery>;
  arrivals: Map<string, Arrival>;
  failures: Map<string, number>;
  /** Whether events that may announce a parked request are wanted too. */
  parked: boolean;
}

/** Whether a row may be of an event that deploys something. Of the rows of an event the first is the newest. */
function isWanted({ event, action, deliveredAt, guid }: LoggedDelivery, progress: Progress): boolean {
  const { since, rows, failures, parked } = progress;
  const passedOver = failures.get(guid) === TRIES;
  return (
    ((event === "workflow_run" && action === "completed") ||
      (parked && event === "deployment" && action === "created")) &&
    deliveredAt >= since &&
    !rows.has(guid) &&
    !passedOver
  );
}

/**
 * Finds the events that GitHub could not deliver. It reads GitHub's delivery log, and fetches the payloads of those
 * events that have no record in the store. It needs neither a public URL nor a redelivery. A scan that was
 * interrupted continues where it stopped. The next scan starts where the last complete one began. `listAnew` makes an
 * interrupted scan start at the newest row again.
 */
export class UndeliveredEvents implements Scan {
  readonly name = "the catch-up";
  readonly everyMs = 60_000;
  #o: UndeliveredEventsOptions;
  #progress: Progress | undefined;
  #listAnew = false;

  constructor(options: UndeliveredEventsOptions) {
    this.#o = options;
  }

  /** Makes the next scan list the log from its newest row, even after an interrupted scan. */
  listAnew(): void {
    this.#listAnew = true;
  }

  async collect(signal: AbortSignal): Promise<Collected> {
    if (this.#listAnew && this.#progress)
      Object.assign(this.#progress, {
        cursor: null,
        listed: false,
        startedAt: null,
      } satisfies Partial<Progress>);
    this.#listAnew = false;
    this.#progress ??= await this.#begin();
    const progress = this.#progress;
    if (!progress.listed) await this.#list(progress, signal);
    await this.#fetchMissing(progress, signal);
    return {
      arrivals: [...progress.arrivals.values()],
      done: async (counts) => {
        await recordScan(this.#o.lease, UNDELIVERED_SCAN, progress.startedAt ?? progress.since, counts);
        this.#progress = undefined;
      },
    };
  }

  async #begin(): Promise<Progress> {
    const { store, targets } = this.#o;
    const last = await lastScan(store, UNDELIVERED_SCAN);
    const watched = await watchedSince(store, targets);
    return {
      startedAt: null,
      // Events from before the first target was watched deploy nothing.
      since: Math.max((last?.completed_at ?? 0) - OVERLAP_MS, Math.min(...watched.values())),
      watched,
      cursor: null,
      listed: false,
      rows: new Map(),
      arrivals: new Map(),
      failures: new Map(),
      parked: this.#o.wantsParked(),
    };
  }

  /** Reads the log back to where the scan starts. New rows appear on top, so that they never lengthen the scan. */
  async #list(progress: Progress, signal: AbortSignal): Promise<void> {
    while (!progress.listed) {
      const { rows, next, at } = await this.#page(progress, signal);
      progress.startedAt ??= at;
      await this.#o.health.report(rows, at);
      for (const row of rows) if (isWanted(row, progress)) progress.rows.set(row.guid, row);
      const oldest = rows.at(-1)?.deliveredAt ?? Number.POSITIVE_INFINITY;
      progress.listed = next === null || next === progress.cursor || oldest < progress.since;
      progress.cursor = next;
    }
  }

  async #page(progress: Progress, signal: AbortSignal) {
    try {
      return await this.#o.deliveries.page(progress.cursor, signal);
    } catch (error) {
      // GitHub does not know this cursor any more: the scan starts anew.
      if (progress.cursor !== null && (error as { status?: number }).status === 422 && isSaidByGitHub(error))
        this.#progress = undefined;
      throw error;
    }
  }

  async #fetchMissing(progress: Progress, signal: AbortSignal): Promise<void> {
    const { rows, arrivals, failures, watched } = progress;
    await this.#forgetKnown(progress);
    const missing = [...rows.values()].filter(({ guid }) => !arrivals.has(guid));
    const fetched = await settleInGroups(missing, (row) => this.#fetch(row, watched, signal));
    for (const result of fetched) {
      const { guid } = result.item;
      if (result.status === "fulfilled") {
        if (result.value) arrivals.set(guid, result.value);
        else rows.delete(guid);
        continue;
      }
      // Only GitHub's answer about this delivery counts. Without an answer GitHub is unreachable. Rate limits and
      // permissions concern all deliveries.
      const { status = 0, response } = result.reason as { status?: number; response?: unknown };
      if (response === undefined || [401, 403, 429].includes(status)) continue;
      failures.set(guid, (failures.get(guid) ?? 0) + 1);
      if (failures.get(guid) !== TRIES) continue;
      rows.delete(guid);
      this.#o.deliveries.passOver(result.item, (result.reason as Error).message);
    }
    signal.throwIfAborted();
    const failure = failureOf(fetched);
    if (failure !== undefined) throw failure;
  }

  /** Drops the rows of events that are on record, deployed or ignored: they are not judged again. */
  async #forgetKnown({ rows, startedAt, since }: Progress): Promise<void> {
    const guids = [...rows.keys()];
    for (let start = 0; start < guids.length; start += CHUNK) {
      const known = await this.#o.store.read
        .selectFrom("deliveries")
        .select("guid")
        // The log does not name an event's run, and GUIDs alone have no index. The time limits what is read.
        .where("received_at", ">=", (startedAt ?? since) - LOG_REACHES_MS)
        .where("guid", "in", guids.slice(start, start + CHUNK))
        .execute();
      for (const { guid } of known) if (guid !== null) rows.delete(guid);
    }
  }

  /** The arrival of a row's event; null if GitHub does not keep its payload any more. */
  async #fetch(
    row: LoggedDelivery,
    watched: ReadonlyMap<TargetConfig, number>,
    signal: AbortSignal,
  ): Promise<Arrival | null> {
    const { deliveries, targets, names } = this.#o;
    const common = {
      source: "catch_up" as const,
      guid: row.guid,
      event: row.event,
      payload: null,
      viaRunAttempt: null,
    };
    try {
      const payload = await deliveries.payload(row.id, signal);
      if (row.event === "deployment") return await this.#askForScan(payload, row.guid);
      const judged = judgeWorkflowRun(parseWorkflowRun(payload), targets, names);
      // Events from before a target was watched do not deploy it: a new installation deploys no old runs.
      const due = judged.targets.filter(
        (target) => row.deliveredAt >= (watched.get(target) ?? Number.POSITIVE_INFINITY),
      );
      const late = due.length > 0 ? null : "it was delivered before the target was first watched";
      return { ...common, ...judged, targets: due, ignored: judged.ignored ?? late };
    } catch (error) {
      if (isGone(error)) return null;
      if (!(error instanceof ZodError)) throw error;
      const where = problemsOf(error, "the payload");
      const ignored = `the payload in GitHub's log is not that of a workflow_run event: ${where}`;
      return { ...common, action: row.action, facts: null, repository: "", targets: [], ignored };
    }
  }

  /** Asks for a scan of the repository if the event announces a parked request. */
  async #askForScan(payload: unknown, guid: string): Promise<Arrival> {
    const { arrival, parked } = readDeploymentEvent(payload);
    if (parked) await this.#o.onParked(arrival.repository);
    return { source: "catch_up", guid, ...arrival };
  }
}
