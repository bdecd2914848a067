import type { Clock } from "../clock.ts";
import { StoreUnavailableError } from "../store/errors.ts";
import { withLimit } from "../store/limit.ts";
import type { Store } from "../store/store.ts";
import type { Accepted } from "./accepted.ts";
import type { Arrival } from "./arrival.ts";
import { commit } from "./commit.ts";

/** The largest number of arrivals that share one commit. */
const MAX_BATCH = 128;
/**
 * How long an arrival waits for its commit before it is refused. GitHub gives up after 10 s, and the proxy of
 * app/setup/README.md after 6 s. Only a 503 before that makes the proxy ask the other instance at once.
 */
export const COMMIT_LIMIT_MS = 5_000;

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
  #waiting: Waiting[] = [];
  #working: Promise<void> | undefined;
  #closed = false;

  /**
   * After a commit calls `onAccepted` for each of its arrivals, and `onQueued` with those whose deployments
   * wait now.
   */
  constructor(options: {
    store: Store;
    clock: Clock;
    instance: string;
    onQueued: (queued: readonly Arrival[]) => void;
    onAccepted?: (arrival: Arrival, accepted: Accepted) => void;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#instance = options.instance;
    this.#onQueued = options.onQueued;
    this.#onAccepted = options.onAccepted ?? (() => {});
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
    this.#waiting.push({ arrival, resolve, reject });
    this.#working ??= this.#work();
    return withLimit(promise, COMMIT_LIMIT_MS, "slow");
  }

  /** Refuses new arrivals, and resolves when every earlier one has been answered. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#working;
  }

  async #work(): Promise<void> {
    // Wait one turn of the event loop, so that requests read together are committed together.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) await this.#commit(this.#waiting.splice(0, MAX_BATCH));
    this.#working = undefined;
  }

  async #commit(batch: Waiting[]): Promise<void> {
    try {
      const accepted = await commit(
        this.#store,
        batch.map(({ arrival }) => arrival),
        { instance: this.#instance, now: this.#clock.now() },
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
