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
import { type Collected, lastLook, recordLook, type Scan, watchedSince } from "./scan.ts";

/** The name under which the last complete look is on record. */
export const LOOK_NAME = "catch_up";
/** How far before the last complete look a new one reaches: a row shows only once its delivery has ended. */
const OVERLAP_MS = 10 * 60_000;
/** What is in the log was delivered for the first time no longer ago than this: GitHub Enterprise Server keeps 7 days. */
const LOG_REACHES_MS = 8 * 24 * 3_600_000;
/** How many GUIDs are looked up at a time. */
const CHUNK = 1_000;
/** A payload that GitHub cannot give after so many tries is passed over: it must not hold up all others. */
const TRIES = 5;

export interface UndeliveredEventsOptions {
  store: Store;
  targets: readonly TargetConfig[];
  /** What the names in the configuration stand for; without it, for what is called so. */
  names?: RepositoryNames | undefined;
  deliveries: DeliveryLogClient;
  health: DeliveryHealth;
  lease: ControllerLease;
  /** Whether repositories are so many that none can be looked at every minute for what an Action left. */
  wantsParked: () => boolean;
  /** Has the repository looked at in which an Action left a request. */
  onParked: (repository: string) => Promise<void>;
}

/** A look under way: how far the log was read, and what was found in it so far. */
interface Progress {
  /** GitHub's time when it began, from which the next look counts; null before the first page. */
  startedAt: number | null;
  since: number;
  watched: Map<TargetConfig, number>;
  cursor: string | null;
  listed: boolean;
  /** One row per event, its newest. */
  rows: Map<string, LoggedDelivery>;
  arrivals: Map<string, Arrival>;
  failures: Map<string, number>;
  /** Whether events that may tell of an Action's request are wanted, too. */
  parked: boolean;
}

/** Whether it may hold what a target waits for, as far as the row tells; the first row of an event is its newest. */
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
 * Finds what GitHub could not deliver. It reads GitHub's own log, asks the store which events are not on record,
 * and fetches the payloads of those alone. It needs neither a public URL nor a redelivery. A look that is broken
 * off goes on where it was when it is taken again, and the next one begins where the last complete one began.
 * Only who asks for a look wants to know of what failed since, and has the log listed anew.
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

  /** The next look lists the log from its newest row, be it one that was broken off. */
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
        await recordLook(this.#o.lease, LOOK_NAME, progress.startedAt ?? progress.since, counts);
        this.#progress = undefined;
      },
    };
  }

  async #begin(): Promise<Progress> {
    const { store, targets } = this.#o;
    const last = await lastLook(store, LOOK_NAME);
    const watched = await watchedSince(store, targets);
    return {
      startedAt: null,
      // What was delivered before any target was watched is for none of them.
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

  /** Reads the log back to where the look begins. New rows come in before what is read, and so never add to it. */
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
      // A place in the log that GitHub does not know any more: the look begins anew.
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
      // Only GitHub's answer about this delivery counts. Without an answer GitHub is away; limits and rights concern all.
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

  /** Leaves out what is on record, deployed or ignored: it is not judged again. */
  async #forgetKnown({ rows, startedAt, since }: Progress): Promise<void> {
    const guids = [...rows.keys()];
    for (let start = 0; start < guids.length; start += CHUNK) {
      const known = await this.#o.store.read
        .selectFrom("deliveries")
        .select("guid")
        // The log does not tell of which run they are, and by their GUIDs alone there is no index.
        .where("received_at", ">=", (startedAt ?? since) - LOG_REACHES_MS)
        .where("guid", "in", guids.slice(start, start + CHUNK))
        .execute();
      for (const { guid } of known) if (guid !== null) rows.delete(guid);
    }
  }

  /** Null when GitHub does not keep it any more. */
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
      if (row.event === "deployment") return await this.#lookAtParked(payload, row.guid);
      const judged = judgeWorkflowRun(parseWorkflowRun(payload), targets, names);
      // What was delivered before a target was watched is not for it: a new installation deploys no old runs.
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

  /** The event that told of a request which an Action left: its repository is looked at next. */
  async #lookAtParked(payload: unknown, guid: string): Promise<Arrival> {
    const { arrival, parked } = readDeploymentEvent(payload);
    if (parked) await this.#o.onParked(arrival.repository);
    return { source: "catch_up", guid, ...arrival };
  }
}
