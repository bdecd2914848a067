import type { Logger } from "pino";
import type { Acceptor } from "../accept/acceptor.ts";
import type { RepositoryNames } from "../accept/repository-names.ts";
import type { Clock } from "../clock.ts";
import { onlyBranch } from "../config/refs.ts";
import type { TargetConfig } from "../config/schema.ts";
import { writtenDuration } from "../config/settings-of.ts";
import { type ControllerLease, NotControllerError } from "../failover/controller-lease.ts";
import { type ClassifiedError, classifyGitHubError } from "../github/github-error.ts";
import { ItemReader } from "../github/item-reader.ts";
import type { RepositoryAccess } from "../github/repository-access.ts";
import { describeGap, describeWait, firstUnresolved } from "../queue/claim/barrier.ts";
import type { FoundGap } from "../queue/claim/earlier-runs.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { DeploymentRecord } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { WakeLoop } from "../wake-loop.ts";
import { acceptInOrder } from "./accept-in-order.ts";
import { listRuns } from "./list-runs.ts";
import { explainMissingWorkflow } from "./missing-workflow.ts";
import { watchedSince } from "./scan.ts";
import { type CompletedRun, unrecordedRuns } from "./unrecorded-runs.ts";
import { heldDeployments, type WaitingTarget, waitingOn, wants } from "./waiting-targets.ts";

/** How long to wait before GitHub is asked: the missing event may be on its way to another instance. */
const SETTLE_MS = 200;
/** The pause after GitHub did not show the runs. It doubles with each failure. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** The time limit for GitHub's answer. It is shorter if no gap is certain: then a run waits less. */
const ASK_LIMIT_MS = { sure: 10_000, unsure: 2_000 };
/** The least time limit: GitHub gets it even if the wait is nearly over. */
const LAST_ASK_MS = 1_000;

export interface RunGapsOptions {
  store: Store;
  clock: Clock;
  log: Logger;
  targets: readonly TargetConfig[];
  /** Repositories that the configured names stand for. Without it, a name stands for the repository of that name. */
  names?: RepositoryNames | undefined;
  acceptor: Pick<Acceptor, "accept">;
  access: Pick<RepositoryAccess, "octokit" | "forget">;
  /** Only the controller asks. */
  lease: ControllerLease;
  /** How long a deployment waits for runs that GitHub does not show (ms). */
  waitMs: number;
}

/** GitHub's answer: the run numbers that it shows, and why it does not show the others. */
interface Facts {
  completed: readonly CompletedRun[];
  isResolved: (number: number) => boolean;
  cause: string;
  failed: boolean;
  /** How long GitHub asks to wait before the next call (ms). */
  restMs: number;
}

const NOTHING_MISSING: Facts = {
  completed: [],
  isResolved: () => false,
  cause: "GitHub does not show it yet",
  failed: false,
  restMs: 0,
};

/** A workflow whose runs GitHub is asked for, on behalf of all targets that wait for them. */
interface Place {
  dueAt: number;
  failures: number;
  asking: boolean;
}

/**
 * Asks GitHub for the runs that a target with `queue: all` misses, and accepts those that are to be deployed. A later
 * run may start as soon as GitHub shows the result of every earlier one. A run waits for GitHub no longer than
 * `failover.order_wait`. The call budget does not limit these calls, since a deployment waits for them.
 */
export class RunGaps {
  #o: RunGapsOptions;
  #items: ItemReader;
  #places = new Map<string, Place>();
  /** When this process first saw each waiting deployment (ms, monotonic). */
  #since = new Map<string, number>();
  #loop: WakeLoop;
  #unwatch: (() => void)[] = [];
  #asks = new Set<Promise<void>>();
  /** The error of asking that was logged last, so that it is not logged again. */
  #trouble = "";

  constructor(options: RunGapsOptions) {
    this.#o = options;
    this.#items = new ItemReader(options.log);
    this.#loop = new WakeLoop({
      step: () => this.#review(),
      clock: options.clock,
      retryMs: FIRST_PAUSE_MS,
      onTrouble: (error) => this.#warn(error),
    });
  }

  start(): void {
    const wake = () => this.#loop.wake();
    // Without the lease a review does nothing. So taking the lease must start one.
    this.#unwatch = [this.#o.store.onChange(wake), this.#o.lease.onTaken(wake)];
    wake();
  }

  async close(): Promise<void> {
    for (const unwatch of this.#unwatch) unwatch();
    await this.#loop.close();
    await Promise.all(this.#asks);
  }

  /** Starts to ask GitHub for due workflows. Returns the pause to the next review (ms); null: until a change. */
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
        if (!(error instanceof NotControllerError) && error.message !== this.#trouble) this.#warn(error);
        this.#trouble = error.message;
      })
      .finally(() => {
        place.asking = false;
        this.#asks.delete(ask);
        this.#loop.wake();
      });
    this.#asks.add(ask);
  }

  #warn({ message }: Error): void {
    if (!this.#loop.signal.aborted)
      this.#o.log.warn(`cannot look for missing runs; trying again: ${message}`);
  }

  async #ask(place: Place, here: readonly TargetConfig[]): Promise<void> {
    const { store, clock, targets, acceptor } = this.#o;
    let waiting = await Promise.all(here.map((target) => waitingOn(store, target)));
    const missing = waiting.some(({ waits }) => waits.length > 0);
    const facts = missing ? await this.#lookUp(waiting) : NOTHING_MISSING;
    this.#loop.signal.throwIfAborted();
    const [{ config }] = waiting as [WaitingTarget];
    const watched = await watchedSince(store, targets);
    // Accept in the order of the runs, and before any later run may start.
    const found = await unrecordedRuns(store, config.repository, facts.completed, watched);
    const accepted = await acceptInOrder(acceptor, found);
    if (accepted.size > 0) {
      // GitHub's answer covers the found runs and those that waited. It does not cover runs that came meanwhile.
      const known = new Set([
        ...waiting.flatMap(({ waits }) => waits.map(({ deployment }) => deployment.id)),
        ...[...accepted.values()].flatMap(({ deployments }) => deployments.map(({ id }) => id)),
      ]);
      waiting = (await Promise.all(here.map((target) => waitingOn(store, target)))).map((target) => ({
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

  /** When a deployment stops waiting for GitHub (ms, monotonic). */
  #deadline({ id }: DeploymentRecord): number {
    const since = this.#since.get(id);
    return since === undefined ? Number.POSITIVE_INFINITY : since + this.#o.waitMs;
  }

  /** Asks GitHub once for all runs that these targets miss. */
  async #lookUp(waiting: readonly WaitingTarget[]): Promise<Facts> {
    const { clock, access, targets } = this.#o;
    const all = waiting.flatMap(({ waits }) => waits);
    const limit = all.some(({ gap }) => gap.sure) ? ASK_LIMIT_MS.sure : ASK_LIMIT_MS.unsure;
    const left = Math.min(...all.map(({ deployment }) => this.#deadline(deployment))) - clock.monotonic();
    const signal = AbortSignal.any([
      this.#loop.signal,
      AbortSignal.timeout(Math.min(limit, Math.max(left, LAST_ASK_MS))),
    ]);
    const { workflow, repository } = (waiting[0] as WaitingTarget).config;
    try {
      const octokit = await orAbort(access.octokit(repository), signal);
      const { completed, isShown } = await listRuns(
        octokit,
        {
          repository,
          workflow,
          branch: onlyBranch(waiting.map(({ config }) => config)),
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

  /** Clears the deployments that need not wait any more, and records why the others wait. */
  async #settle(waiting: readonly WaitingTarget[], facts: Facts, now: number): Promise<void> {
    const { lease, log, waitMs } = this.#o;
    const cleared = waiting.flatMap(({ free }) => free);
    const notes: { id: string; note: string }[] = [];
    const reasons: { id: string; reason: string }[] = [];
    for (const { config, waits } of waiting)
      for (const { deployment, gap } of waits) {
        const { id } = deployment;
        // An unsure gap may hold no run at all. One question to GitHub is enough, even a failed one.
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

/** The run number down to which the list is read. For an unsure gap one page is enough. */
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
    return `GitHub refuses to show the runs (${status}${failure.obstacle ? `: ${failure.remedy}` : ""})`;
  return response === undefined ? "GitHub does not answer" : `GitHub answers with ${status}`;
}

function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return Promise.race([promise, aborted]);
}
