import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
} from "cockatiel";
import pRetry, { AbortError } from "p-retry";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { CircuitBreakerConfig, RetryConfig } from "../config/schema.ts";
import type { Store } from "../store/store.ts";
import type { GitHubDeployments, Shown } from "./deployments.ts";
import { classifyGitHubError } from "./github-error.ts";
import {
  claimOutbox,
  completeOutbox,
  nextInOutbox,
  type OutboxItem,
  postponeOutbox,
} from "./outbox-lease.ts";
import type { RepositoryAccess } from "./repository-access.ts";

/** Word that GitHub has refused for this long is dropped: nobody waits for it any more. */
const GIVE_UP_MS = 24 * 60 * 60 * 1000;
/** Tries within one claim, before the thing is put back. */
const TRIES = 2;

export interface OutboxOptions {
  store: Store;
  clock: Clock;
  github: GitHubDeployments;
  access: RepositoryAccess;
  retry: RetryConfig;
  breaker: CircuitBreakerConfig;
  /** Distinguishes this sender from every other. */
  holder: string;
  /** What GitHub shows beside the deployment's own data. */
  links: (
    repository: string,
    target: string,
    id: string,
  ) => { environmentUrl: string | null; logUrl: string };
  /** Called when a call failed, and its repetition is due later. */
  onRetry?: () => void;
  log: Logger;
}

/**
 * Tells GitHub what the store says it has yet to be told. Any instance may send; a lease per item and the order
 * within a deployment see to it that GitHub hears everything once, and in order. GitHub being slow, down or
 * rate-limiting delays it, and nothing else.
 */
export class Outbox {
  #options: OutboxOptions;
  #breaker: CircuitBreakerPolicy;
  #abort = new AbortController();
  #working: Promise<void> | undefined;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #unwatch: (() => void) | undefined;
  /** Nobody calls GitHub before this time (monotonic): it said so, or the breaker is open. */
  #pausedUntil = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#breaker = circuitBreaker(handleAll, {
      halfOpenAfter: options.breaker.timeout,
      breaker: new ConsecutiveBreaker(options.breaker.failure_threshold),
    });
  }

  /** Whether GitHub is called (closed), left alone (open), or tried with one call (half open). */
  get breakerState(): "closed" | "open" | "half_open" {
    const { state } = this.#breaker;
    if (state === CircuitState.Closed) return "closed";
    return state === CircuitState.HalfOpen ? "half_open" : "open";
  }

  start(): void {
    this.#unwatch = this.#options.store.onChange(() => this.wake());
    this.wake();
  }

  async close(): Promise<void> {
    this.#abort.abort();
    clearTimeout(this.#timer);
    this.#unwatch?.();
    await this.#working;
  }

  /** Sends what can be sent now, if that is not being done already. */
  wake(): void {
    this.#again = true;
    if (this.#working || this.#abort.signal.aborted) return;
    this.#working = this.#work()
      .catch((error) => {
        this.#options.log.warn({ err: error }, "cannot read the outbox; trying again");
        this.#schedule(1_000);
      })
      .finally(() => {
        this.#working = undefined;
        if (this.#again) this.wake();
      });
  }

  async #work(): Promise<void> {
    const { store, clock, holder } = this.#options;
    this.#again = false;
    clearTimeout(this.#timer);
    for (;;) {
      const pause = this.#pausedUntil - clock.monotonic();
      if (pause > 0) {
        this.#again = false;
        return this.#schedule(pause);
      }
      // Looking first costs no write where there is nothing to do.
      const at = await nextInOutbox(store);
      if (at === null) return;
      const item = at <= clock.now() ? await claimOutbox(store, holder) : null;
      if (!item) return this.#schedule(Math.min(Math.max(at - clock.now(), 1_000), 60_000));
      if (this.#abort.signal.aborted)
        return postponeOutbox(store, item, { delayMs: 0, error: "shutting down" });
      await this.#send(item);
    }
  }

  #schedule(delayMs: number): void {
    if (this.#abort.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.wake(), delayMs);
  }

  async #send(item: OutboxItem): Promise<void> {
    const { store, clock, log, retry } = this.#options;
    try {
      await pRetry((attempt) => this.#tryOnce(item, attempt), {
        retries: TRIES - 1,
        minTimeout: retry.base_delay,
        maxTimeout: retry.max_delay,
        randomize: retry.jitter,
        signal: this.#abort.signal,
      });
      await completeOutbox(store, item);
    } catch (thrown) {
      const error = thrown instanceof AbortError ? thrown.originalError : (thrown as Error);
      const failure = classifyGitHubError(error, clock.now());
      const waited = clock.now() - item.createdAt;
      const about = { deployment: item.deploymentId, status: item.announcement.status };
      if (
        failure.kind === "refused" &&
        ((error as { status?: number }).status === 422 || waited > GIVE_UP_MS)
      ) {
        log.error(about, `GitHub is not told: ${error.message}; ${failure.remedy}`);
        return completeOutbox(store, item);
      }
      let delayMs = Math.min(retry.max_delay, retry.base_delay * retry.multiplier ** item.attempts);
      if (retry.jitter) delayMs *= Math.random();
      if (failure.kind === "rate_limited") {
        delayMs = failure.delayMs;
        this.#pausedUntil = clock.monotonic() + delayMs;
      } else if (error instanceof BrokenCircuitError) {
        delayMs = 0;
        this.#pausedUntil = clock.monotonic() + this.#options.breaker.timeout;
      }
      this.#options.onRetry?.();
      if (failure.kind === "refused") this.#options.access.forget();
      const remedy = failure.kind === "refused" ? `; ${failure.remedy}` : "";
      if (!this.#abort.signal.aborted)
        log.warn({ ...about, attempts: item.attempts }, `GitHub is told later: ${error.message}${remedy}`);
      await postponeOutbox(store, item, { delayMs, error: error.message });
    }
  }

  /** One call through the breaker. What GitHub refuses on purpose does not count against it. */
  async #tryOnce(item: OutboxItem, attempt: number): Promise<void> {
    const failed = await this.#breaker.execute(async () => {
      try {
        await this.#call(item, item.attempts + attempt > 2);
        return undefined;
      } catch (error) {
        if (classifyGitHubError(error, this.#options.clock.now()).kind === "transient") throw error;
        return error as Error;
      }
    });
    if (failed) throw new AbortError(failed);
  }

  /** `again` says that an earlier try may have reached GitHub although its answer was lost. */
  async #call(item: OutboxItem, again: boolean): Promise<void> {
    const { store, github, links } = this.#options;
    const row = await store.read
      .selectFrom("deployments")
      .selectAll()
      .where("id", "=", item.deploymentId)
      .executeTakeFirst();
    if (!row) return;
    const shown: Shown = { ...row, ...links(row.repository_key, row.target, row.id) };
    let githubId = row.github_deployment_id;
    if (!githubId) {
      // What was superseded before GitHub ever heard of it needs no Deployment there.
      if (item.announcement.status === "superseded") return;
      githubId = await github.create(shown, again);
      await store.write((trx) =>
        trx
          .updateTable("deployments")
          .set({ github_deployment_id: githubId })
          .where("id", "=", row.id)
          .where("github_deployment_id", "is", null)
          .execute(),
      );
    }
    await github.addStatus(shown, githubId, item.announcement);
  }
}
