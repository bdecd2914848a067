import type { Clock } from "../clock.ts";
import { StoreUnavailableError } from "../store/errors.ts";
import { withLimit } from "../store/limit.ts";
import type { Store } from "../store/store.ts";
import type { Accepted } from "./accepted.ts";
import { type Arrival, newId } from "./arrival.ts";
import { commit, leanArrival } from "./commit.ts";
import type { CommitInput } from "./commit-task.ts";

/** The largest number of arrivals that share one commit. */
const MAX_BATCH = 128;
/**
 * How long an arrival waits for its commit before it is refused. GitHub gives up after 10 s, and the proxy of
 * app/setup/README.md after 6 s. Only a 503 before that makes the proxy ask the other instance at once.
 */
export const COMMIT_LIMIT_MS = 5_000;
/** How long another process may take for a commit before this one commits the same arrival itself. */
const BEGIN_LIMIT_MS = 1_000;

/**
 * Makes a ready worker commit an arrival, and begin its deployment with the same commit. Resolves with the result
 * once that is on disk, and with undefined where the worker failed. Returns undefined where no worker is ready.
 */
export type Begin = (input: CommitInput) => Promise<Accepted | undefined> | undefined;

interface Waiting {
  arrival: Arrival;
  resolve: (accepted: Accepted) => void;
  reject: (error: unknown) => void;
}

/**
 * Accepts arrivals durably. Arrivals during a commit share the next one: a single wait for the disk serves
 * them all.
 */
export class Acceptor {
  #store: Store;
  #clock: Clock;
  #instance: string;
  #onQueued: (queued: readonly Arrival[]) => void;
  #onAccepted: (arrival: Arrival, accepted: Accepted) => void;
  #begin: Begin | undefined;
  #waiting: Waiting[] = [];
  /** Resolves when every arrival that a worker got is committed, or waits for this instance. */
  #begun: Promise<void> = Promise.resolve();
  #working: Promise<void> | undefined;
  /** Whether the last commit here was of several arrivals. Then more come: a worker would compete with the next commit. */
  #isFlooded = false;
  #closed = false;

  /**
   * After a commit calls `onAccepted` for each of its arrivals, and `onQueued` with those whose deployments
   * wait now. A `begin` is asked first where an arrival comes alone.
   */
  constructor(options: {
    store: Store;
    clock: Clock;
    instance: string;
    onQueued: (queued: readonly Arrival[]) => void;
    onAccepted?: (arrival: Arrival, accepted: Accepted) => void;
    begin?: Begin;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#instance = options.instance;
    this.#onQueued = options.onQueued;
    this.#onAccepted = options.onAccepted ?? (() => {});
    this.#begin = options.begin;
  }

  /**
   * Resolves once the arrival is on disk.
   * @throws {StoreUnavailableError} when it could not be committed within {@link COMMIT_LIMIT_MS}. It may
   * still be committed later. That does no harm: the same event or request, sent again, finds it.
   */
  accept(arrival: Arrival): Promise<Accepted> {
    if (this.#closed)
      return Promise.reject(new StoreUnavailableError("unreachable", "the instance is shutting down"));
    const { promise, resolve, reject } = Promise.withResolvers<Accepted>();
    this.#take({ arrival, resolve, reject });
    return withLimit(promise, COMMIT_LIMIT_MS, "slow");
  }

  /** Refuses new arrivals, and resolves when every earlier one has been answered. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#begun;
    await this.#working;
  }

  #take(waiting: Waiting): void {
    const arrival = this.#working || this.#isFlooded ? undefined : beginnable(waiting.arrival);
    const begun = arrival && this.#begin?.({ arrivals: [leanArrival(arrival)], by: this.#by() });
    if (!begun) {
      this.#wait(waiting);
      return;
    }
    const earlier = this.#begun;
    this.#begun = this.#settleBegun({ ...waiting, arrival }, begun).then(() => earlier);
  }

  /** Commits the arrival here where the worker does not, or not in time. If both do, the second finds the first. */
  async #settleBegun(waiting: Waiting, begun: Promise<Accepted | undefined>): Promise<void> {
    const accepted = await withLimit(begun, BEGIN_LIMIT_MS, "slow").catch(() => undefined);
    if (!accepted) {
      this.#wait(waiting);
      return;
    }
    waiting.resolve(accepted);
    this.#onAccepted(waiting.arrival, accepted);
  }

  #wait(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#working ??= this.#work();
  }

  async #work(): Promise<void> {
    // Wait one turn of the event loop, so that requests read together are committed together.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_BATCH);
      this.#isFlooded = batch.length > 1;
      await this.#commit(batch);
    }
    this.#working = undefined;
  }

  #by(): CommitInput["by"] {
    return { instance: this.#instance, now: this.#clock.now() };
  }

  async #commit(batch: Waiting[]): Promise<void> {
    try {
      const accepted = await commit(
        this.#store,
        batch.map(({ arrival }) => arrival),
        this.#by(),
      );
      for (const [index, waiting] of batch.entries()) {
        const result = accepted[index] as Accepted;
        waiting.resolve(result);
        this.#onAccepted(waiting.arrival, result);
      }
      const queued = batch.filter((_, index) => accepted[index]?.queued).map(({ arrival }) => arrival);
      if (queued.length > 0) this.#onQueued(queued);
    } catch (error) {
      // One arrival that the store refuses must not fail the others in its commit.
      if (batch.length > 1 && !(error instanceof StoreUnavailableError))
        for (const waiting of batch) await this.#commit([waiting]);
      else for (const waiting of batch) waiting.reject(error);
    }
  }
}

/**
 * An arrival that a worker may commit: an event of a run for one target. Its delivery gets its identifier beforehand.
 * So a second commit of it is known from a second event.
 */
function beginnable(arrival: Arrival): Arrival | undefined {
  if (arrival.guid === null || arrival.facts?.runId == null || arrival.targets.length !== 1) return undefined;
  return { ...arrival, deliveryId: newId("dlv") };
}
