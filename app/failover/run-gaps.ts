import type { Logger } from "pino";
import type { Acceptor } from "../accept/acceptor.ts";
import type { RepositoryNames } from "../accept/repository-names.ts";
import type { Clock } from "../clock.ts";
import type { TargetConfig } from "../config/schema.ts";
import { writtenDuration } from "../config/settings-of.ts";
import { type ClassifiedError, classifyGitHubError } from "../github/github-error.ts";
import { ItemReader } from "../github/item-reader.ts";
import type { RepositoryAccess } from "../github/repository-access.ts";
import { describeGap, describeWait, firstUnresolved } from "../queue/barrier.ts";
import type { DeploymentRecord } from "../queue/claim.ts";
import { type FoundGap, findGap } from "../queue/earlier-runs.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { TargetRow } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { acceptInOrder } from "./accept-in-order.ts";
import { type ControllerLease, NotControllerError } from "./controller-lease.ts";
import { listRuns } from "./list-runs.ts";
import { watchedSince } from "./look.ts";
import { explainMissingWorkflow } from "./missing-workflow.ts";
import { type CompletedRun, unrecordedRuns } from "./unrecorded-runs.ts";

/** The missing event may be on its way to another instance: so long it is given before GitHub is asked. */
const SETTLE_MS = 200;
/** The pause after GitHub did not tell; then twice the time, and so on. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** How long GitHub may take to tell; where no gap is certain, a run does not wait for it as long. */
const ASK_LIMIT_MS = { sure: 10_000, unsure: 2_000 };
/** At the end of the waiting GitHub is given this time yet. */
const LAST_ASK_MS = 1_000;

export interface RunGapsOptions {
  store: Store;
  clock: Clock;
  log: Logger;
  targets: readonly TargetConfig[];
  /** What the names in the configuration stand for; without it, for what is called so. */
  names?: RepositoryNames | undefined;
  acceptor: Pick<Acceptor, "accept">;
  access: Pick<RepositoryAccess, "octokit" | "forget">;
  /** Only the controller asks. */
  lease: ControllerLease;
  /** How long a deployment waits for what GitHub does not tell (ms). */
  waitMs: number;
}

/** A deployment that waits for earlier runs. */
interface Wait {
  deployment: DeploymentRecord;
  gap: FoundGap;
}

/** All that waits on a target. */
interface WaitingTarget {
  config: TargetConfig;
  row: TargetRow;
  waits: Wait[];
  /** Those that waited, and miss nothing any more. */
  free: string[];
}

/** What came of asking GitHub: which numbers are accounted for, and why others are not. */
interface Facts {
  completed: readonly CompletedRun[];
  isResolved: (number: number) => boolean;
  cause: string;
  failed: boolean;
  /** How long GitHub asks to be left alone. */
  restMs: number;
}

const NOTHING_MISSING: Facts = {
  completed: [],
  isResolved: () => false,
  cause: "GitHub does not show it yet",
  failed: false,
  restMs: 0,
};

/** A workflow of which GitHub is asked for runs, for all targets that wait for them. */
interface Place {
  dueAt: number;
  failures: number;
  asking: boolean;
}

/**
 * Asks GitHub for the runs that a target with `queue: all` misses. Those that are to be deployed are accepted, and the
 * later ones may begin as soon as GitHub shows what became of every earlier one. What GitHub does not tell is waited
 * for no longer than `failover.order_wait`. A deployment waits for it, so that it is asked for however few calls are left.
 */
export class RunGaps {
  #o: RunGapsOptions;
  #items: ItemReader;
  #places = new Map<string, Place>();
  /** Since when each deployment waits, as far as this process knows (ms, monotonic). */
  #since = new Map<string, number>();
  #closing = new AbortController();
  #nap: AbortController | undefined;
  #unwatch: (() => void) | undefined;
  #reviewing: Promise<void> | undefined;
  #again = false;
  /** What keeps it from working, once that was said. */
  #trouble = "";
  #asks = new Set<Promise<void>>();

  constructor(options: RunGapsOptions) {
    this.#o = options;
    this.#items = new ItemReader(options.log);
  }

  start(): void {
    this.#unwatch = this.#o.store.onChange(() => this.wake());
    this.wake();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#unwatch?.();
    await Promise.all([this.#reviewing, ...this.#asks]);
  }

  /** Looks at what waits: something about it has changed, or may have. */
  wake(): void {
    if (this.#closing.signal.aborted) return;
    this.#again = this.#reviewing !== undefined;
    if (this.#reviewing) return;
    this.#nap?.abort();
    this.#reviewing = this.#review()
      .catch((error: Error) => {
        this.#say(error);
        return FIRST_PAUSE_MS;
      })
      .then((pause) => {
        this.#reviewing = undefined;
        if (this.#again) this.wake();
        else if (pause !== null) this.#wakeIn(pause);
      });
  }

  /** Logs an error, unless it is the one that was logged last. */
  #say({ message }: Error): void {
    if (this.#closing.signal.aborted || message === this.#trouble) return;
    this.#trouble = message;
    this.#o.log.warn(`cannot look for missing runs; trying again: ${message}`);
  }

  #wakeIn(ms: number): void {
    const nap = new AbortController();
    this.#nap = nap;
    const signal = AbortSignal.any([nap.signal, this.#closing.signal]);
    void this.#o.clock.sleep(Math.max(1, ms), signal).then(
      () => this.wake(),
      () => {},
    );
  }

  /** Begins to ask for what is due. Returns how long the next review may wait; null: for a change. */
  async #review(): Promise<number | null> {
    const { store, clock, lease, targets } = this.#o;
    const waiting = lease.held ? await heldDeployments(store) : [];
    const now = clock.monotonic();
    this.#since = new Map(waiting.map(({ id }) => [id, this.#since.get(id) ?? now]));
    const wanted = Map.groupBy(
      waiting.flatMap(({ repository_key, target }) =>
        targets.filter((t) => repositoryKey(t.repository) === repository_key && t.name === target),
      ),
      ({ repository, workflow }) => `${repositoryKey(repository)} ${workflow}`,
    );
    for (const [key, place] of this.#places) if (!wanted.has(key) && !place.asking) this.#places.delete(key);
    const pauses: number[] = [];
    for (const [key, here] of wanted) {
      const place = this.#places.get(key) ?? { dueAt: now + SETTLE_MS, failures: 0, asking: false };
      this.#places.set(key, place);
      if (place.asking) continue;
      if (place.dueAt > now) pauses.push(place.dueAt - now);
      else this.#begin(place, here);
    }
    return pauses.length === 0 ? null : Math.min(...pauses);
  }

  #begin(place: Place, here: readonly TargetConfig[]): void {
    place.asking = true;
    const ask = this.#ask(place, here)
      .catch((error: Error) => {
        place.dueAt = this.#o.clock.monotonic() + FIRST_PAUSE_MS;
        if (!(error instanceof NotControllerError)) this.#say(error);
      })
      .finally(() => {
        place.asking = false;
        this.#asks.delete(ask);
        this.wake();
      });
    this.#asks.add(ask);
  }

  async #ask(place: Place, here: readonly TargetConfig[]): Promise<void> {
    const { store, clock, targets, acceptor } = this.#o;
    let waiting = await Promise.all(here.map((target) => whatWaits(store, target)));
    const missing = waiting.some(({ waits }) => waits.length > 0);
    const facts = missing ? await this.#lookUp(waiting) : NOTHING_MISSING;
    this.#closing.signal.throwIfAborted();
    const [{ config }] = waiting as [WaitingTarget];
    const watched = await watchedSince(store, targets);
    // In the order of the runs, and before any later one may begin.
    const found = await unrecordedRuns(store, config.repository, facts.completed, watched);
    const accepted = await acceptInOrder(acceptor, found);
    if (accepted.size > 0) {
      // What was found is as well known about as what waited for it; of what came meanwhile GitHub was not asked.
      const known = new Set([
        ...waiting.flatMap(({ waits }) => waits.map(({ deployment }) => deployment.id)),
        ...[...accepted.values()].flatMap(({ deployments }) => deployments.map(({ id }) => id)),
      ]);
      waiting = (await Promise.all(here.map((target) => whatWaits(store, target)))).map((target) => ({
        ...target,
        waits: target.waits.filter(({ deployment }) => known.has(deployment.id)),
      }));
    }
    const now = clock.monotonic();
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** place.failures, LONGEST_PAUSE_MS);
    const over = waiting
      .flatMap(({ waits }) => waits.map(({ deployment }) => this.#deadline(deployment)))
      .filter((deadline) => deadline > now);
    place.failures += 1;
    place.dueAt = Math.min(now + Math.max(pause, facts.restMs), ...over);
    await this.#settle(waiting, facts, now);
    this.#trouble = "";
  }

  /** When a deployment is no longer held up for what GitHub does not tell. */
  #deadline({ id }: DeploymentRecord): number {
    const since = this.#since.get(id);
    return since === undefined ? Number.POSITIVE_INFINITY : since + this.#o.waitMs;
  }

  /** Asks GitHub once for all that these targets miss. */
  async #lookUp(waiting: readonly WaitingTarget[]): Promise<Facts> {
    const { clock, access, targets } = this.#o;
    const all = waiting.flatMap(({ waits }) => waits);
    const limit = all.some(({ gap }) => gap.sure) ? ASK_LIMIT_MS.sure : ASK_LIMIT_MS.unsure;
    const left = Math.min(...all.map(({ deployment }) => this.#deadline(deployment))) - clock.monotonic();
    const signal = AbortSignal.any([
      this.#closing.signal,
      AbortSignal.timeout(Math.min(limit, Math.max(left, LAST_ASK_MS))),
    ]);
    const { workflow, ...config } = (waiting[0] as WaitingTarget).config;
    // Another repository may have its old name by now.
    const repository = this.#o.names?.nameOf(repositoryKey(config.repository)) ?? config.repository;
    const [branch = null, ...others] = new Set(waiting.flatMap(({ config }) => config.branches));
    try {
      const octokit = await orAbort(access.octokit(repository), signal);
      const { completed, isShown } = await listRuns(
        octokit,
        {
          repository,
          workflow,
          branch: others.length > 0 ? null : branch,
          from: Math.min(...all.map(({ gap }) => lowest(gap))),
          isWanted: (run) => waiting.some((target) => wants(target, run)),
        },
        { targets, names: this.#o.names, items: this.#items, signal },
      ).catch((error) => explainMissingWorkflow(error, octokit, { repository, workflow }, signal));
      return { ...NOTHING_MISSING, completed, isResolved: isShown };
    } catch (error) {
      const failure = classifyGitHubError(error, clock.now());
      if (failure.kind === "refused") access.forget(repository);
      const restMs = failure.kind === "rate_limited" ? failure.delayMs : 0;
      const cause = causeOf(error, failure);
      return { completed: [], isResolved: () => false, cause, failed: true, restMs };
    }
  }

  /** Lets begin what waits for nothing more, and has the others say what they wait for. */
  async #settle(waiting: readonly WaitingTarget[], facts: Facts, now: number): Promise<void> {
    const { lease, log, waitMs } = this.#o;
    const cleared = waiting.flatMap(({ free }) => free);
    const notes: { id: string; note: string }[] = [];
    const reasons: { id: string; reason: string }[] = [];
    for (const { config, waits } of waiting)
      for (const { deployment, gap } of waits) {
        const { id } = deployment;
        // Nothing says that there is anything to wait for: one look is enough, be it one that failed.
        const open = gap.sure ? firstUnresolved(gap, facts.isResolved) : null;
        const left = describeGap(open === null ? gap : { ...gap, missing: [[open, open]] }, gap.number);
        if (open === null) cleared.push(id);
        else if (this.#deadline(deployment) <= now) {
          const note = `began without ${facts.failed ? describeGap(gap, gap.number) : left} of ${config.workflow} after ${writtenDuration(waitMs)}: ${facts.cause}`;
          notes.push({ id, note });
          log.warn({ deployment: id, target: config.name }, note);
        } else if (deployment.order_gap !== null) {
          const gapText = facts.failed ? deployment.order_gap : left;
          const reason = describeWait(gapText, config.workflow, facts.cause);
          if (reason !== deployment.reason) reasons.push({ id, reason });
        }
      }
    if (cleared.length + notes.length + reasons.length === 0) return;
    await lease.write(async (trx, store) => {
      const order_cleared_at = await store.now(trx);
      const update = (ids: string[], values: Partial<DeploymentRecord>) =>
        trx
          .updateTable("deployments")
          .set(values)
          .where("id", "in", ids)
          .where("status", "=", "queued")
          .execute();
      if (cleared.length > 0) await update(cleared, { order_cleared_at });
      for (const { id, note } of notes) await update([id], { order_cleared_at, order_note: note });
      for (const { id, reason } of reasons) await update([id], { reason });
    });
  }
}

/** The deployments that a runner could not claim, because earlier runs are missing. */
function heldDeployments(store: Store) {
  return store.read
    .selectFrom("deployments")
    .select(["id", "repository_key", "target"])
    .where("status", "=", "queued")
    .where("order_gap", "is not", null)
    .where("order_cleared_at", "is", null)
    .execute();
}

/** Everything that is queued on a target, with the gap before it: GitHub is asked once for all of it. */
async function whatWaits(store: Store, config: TargetConfig): Promise<WaitingTarget> {
  const place = { repository: repositoryKey(config.repository), target: config.name };
  const row = await store.read
    .selectFrom("targets")
    .selectAll()
    .where("repository", "=", place.repository)
    .where("target", "=", place.target)
    .executeTakeFirstOrThrow();
  const queued = await store.read
    .selectFrom("deployments")
    .selectAll()
    .where("repository_key", "=", place.repository)
    .where("target", "=", place.target)
    .where("status", "=", "queued")
    .orderBy("order_run_id")
    .limit(MOST_AT_ONCE)
    .execute();
  const waits: Wait[] = [];
  const free: string[] = [];
  for (const deployment of queued) {
    const gap = await findGap(store.read, config.workflow, row, deployment);
    if (gap) waits.push({ deployment, gap });
    else if (deployment.order_gap !== null) free.push(deployment.id);
  }
  return { config, row, waits, free };
}

/** So many of a long queue are looked after at a time. */
const MOST_AT_ONCE = 20;

/** Whether a run lies in a gap before something that waits here. */
function wants(
  { row, waits }: WaitingTarget,
  { run_number, id }: { run_number: number; id: number },
): boolean {
  return waits.some(
    ({ deployment, gap }) =>
      id < deployment.order_run_id &&
      (gap.sure || id > row.mark_run_id) &&
      gap.missing.some(([from, to]) => run_number >= from && run_number <= to),
  );
}

/** How far down the list is to be read; where it is not certain that anything is missing, one page is enough. */
function lowest({ missing, sure, number }: FoundGap): number {
  return sure ? (missing[0]?.[0] ?? number) : number;
}

function causeOf(error: unknown, failure: ClassifiedError): string {
  const { status, response, remedy, message } = error as Error & {
    status?: number;
    response?: unknown;
    remedy?: string;
  };
  if (remedy !== undefined) return `${message}; ${remedy}`;
  if (failure.kind === "rate_limited") return "GitHub allows no more calls for now";
  if (failure.kind === "refused")
    return `GitHub refuses to show the runs (${status}${failure.suspended ? `: ${failure.remedy}` : ""})`;
  return response === undefined ? "GitHub does not answer" : `GitHub answers with ${status}`;
}

function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return Promise.race([promise, aborted]);
}
