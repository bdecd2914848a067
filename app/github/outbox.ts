import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  circuitBreaker,
  handleAll,
} from "cockatiel";
import pRetry, { AbortError } from "p-retry";
import type { Logger } from "pino";
import { backoffDelay } from "../../shared/backoff.ts";
import { monotonicPause } from "../../shared/monotonic-pause.ts";
import type { Clock } from "../clock.ts";
import type { CircuitBreakerConfig, RetryConfig } from "../config/schema.ts";
import { type AfterFailure, OutboxLoop } from "../outbox/outbox-loop.ts";
import {
  type AnnouncementItem,
  claimAnnouncement,
  countContentCalls,
  endContentPauses,
  GITHUB_OUTBOX,
  pauseContent,
} from "../queue/claim-announcement.ts";
import { accountOf } from "../store/repository-key.ts";
import type { Store } from "../store/store.ts";
import type { CallBudget } from "./call-budget.ts";
import type { GitHubDeployments, Shown } from "./deployments.ts";
import { classifyGitHubError } from "./github-error.ts";
import { QuietBreaker } from "./quiet-breaker.ts";
import type { RepositoryAccess } from "./repository-access.ts";

type Item = AnnouncementItem;

/** Give up posting a status after 24 hours of refusals: nobody waits for it any more. */
const GIVE_UP_MS = 24 * 60 * 60 * 1000;
/** No call is repeated later than this after its first try: the lease must outlast the last one. */
const TRY_AGAIN_LIMIT_MS = 10_000;

export interface OutboxOptions {
  store: Store;
  clock: Clock;
  github: GitHubDeployments;
  access: RepositoryAccess;
  /** Knows whether GitHub limits calls. */
  budget: CallBudget;
  retry: RetryConfig;
  breaker: CircuitBreakerConfig;
  /** Distinguishes this sender from every other. */
  holder: string;
  /** The links that GitHub shows beside the deployment's own data. */
  links: (
    repository: string,
    target: string,
    id: string,
  ) => { environmentUrl: string | null; logUrl: string };
  /** Called when a status could not be posted and will be retried. */
  onRetry?: () => void;
  log: Logger;
}

/**
 * Posts the deployments' statuses that wait in the store to GitHub. A slow, unreachable or rate-limiting GitHub delays
 * only them.
 */
export class Outbox {
  #options: OutboxOptions;
  #breaker: CircuitBreakerPolicy;
  #loop: OutboxLoop<Item>;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#breaker = circuitBreaker(handleAll, {
      halfOpenAfter: monotonicPause(options.breaker.timeout, () => options.clock.monotonic()),
      breaker: new QuietBreaker({
        failures: options.breaker.failure_threshold,
        quietMs: options.breaker.reset_timeout,
        clock: options.clock,
      }),
    });
    this.#loop = new OutboxLoop({
      ...options,
      table: GITHUB_OUTBOX,
      claim: () =>
        claimAnnouncement(
          options.store,
          options.holder,
          (account) => options.budget.limitOf(account) !== null,
        ),
      send: (item, signal) => this.#send(item, signal),
      onFailure: (error, item) => this.#onFailure(error, item),
    });
  }

  /** Closed: GitHub is called. Open: it is not. Half open: one call tests it. */
  get breakerState(): "closed" | "open" | "half_open" {
    const { state } = this.#breaker;
    if (state === CircuitState.Closed) return "closed";
    return state === CircuitState.HalfOpen ? "half_open" : "open";
  }

  start(): void {
    this.#loop.start();
  }

  close(): Promise<void> {
    return this.#loop.close();
  }

  async #send(item: Item, signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#options;
    try {
      await this.#sendInTries(item, signal);
    } catch (error) {
      const failure = classifyGitHubError(error, clock.now());
      if (failure.kind === "rate_limited")
        await pauseContent(store, accountOf(item.repository), failure.unsaid ? null : failure.delayMs);
      throw error;
    }
    if (item.pauses > 0) await endContentPauses(store, accountOf(item.repository));
  }

  async #sendInTries(item: Item, signal: AbortSignal): Promise<void> {
    const { store, retry, clock } = this.#options;
    const until = clock.monotonic() + TRY_AGAIN_LIMIT_MS;
    let pauseMs = 0;
    const attempt = async (number: number) => {
      if (number > 1) {
        await clock.sleep(pauseMs, signal);
        await countContentCalls(store, accountOf(item.repository), item.cost);
      }
      await this.#tryOnce(item, number);
    };
    await pRetry(attempt, {
      retries: retry.max_attempts - 1,
      signal,
      // p-retry would add its own jitter, so `attempt` sleeps instead.
      minTimeout: 0,
      shouldRetry: ({ error, attemptNumber }) => {
        pauseMs = pauseAfter(attemptNumber, retry);
        return !(error instanceof BrokenCircuitError) && clock.monotonic() + pauseMs < until;
      },
    });
  }

  #onFailure(error: Error, item: Item): AfterFailure {
    const { clock, log, retry, access, breaker, onRetry } = this.#options;
    const failure = classifyGitHubError(error, clock.now());
    const waited = clock.now() - item.createdAt;
    const about = { deployment: item.line, status: item.body.status };
    if (
      failure.kind === "refused" &&
      ((error as { status?: number }).status === 422 || waited > GIVE_UP_MS)
    ) {
      log.error(about, `gave up posting the status to GitHub: ${error.message}; ${failure.remedy}`);
      return "drop";
    }
    onRetry?.();
    if (failure.kind === "refused") access.forget(item.repository);
    const remedy = failure.kind === "refused" ? `; ${failure.remedy}` : "";
    log.warn(
      { ...about, attempts: item.attempts },
      `posting the status to GitHub failed, will retry: ${error.message}${remedy}`,
    );
    // The account pauses as long as GitHub asks; no other account waits.
    if (failure.kind === "rate_limited") return { delayMs: 0 };
    if (error instanceof BrokenCircuitError) return { delayMs: 0, pauseMs: breaker.timeout };
    return { delayMs: pauseAfter(item.attempts, retry) };
  }

  /** Makes one try through the breaker. Refusals and rate limits do not count as failures there. */
  async #tryOnce(item: Item, attempt: number): Promise<void> {
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

  /** Posts the status. With `again` an earlier try may have reached GitHub although its answer was lost. */
  async #call(item: Item, again: boolean): Promise<void> {
    const { store, github, links } = this.#options;
    const row = await store.read
      .selectFrom("deployments")
      .selectAll()
      .where("id", "=", item.line)
      .executeTakeFirst();
    if (!row) return;
    const { repository_key: repository } = row;
    const shown: Shown = { ...row, repository, ...links(repository, row.target, row.id) };
    let githubId = row.github_deployment_id;
    if (!githubId) {
      const found = again ? await github.find(shown) : null;
      // A deployment that was superseded before GitHub knew it needs no GitHub Deployment.
      if (found === null && item.body.status === "superseded") return;
      githubId = found ?? (await github.create(shown));
      await store.write((trx) =>
        trx
          .updateTable("deployments")
          .set({ github_deployment_id: githubId })
          .where("id", "=", row.id)
          .where("github_deployment_id", "is", null)
          .execute(),
      );
    }
    await github.addStatus(shown, githubId, item.body);
  }
}

function pauseAfter(attempt: number, { base_delay, max_delay, multiplier, jitter }: RetryConfig): number {
  return backoffDelay(attempt, { baseMs: base_delay, maxMs: max_delay, multiplier, jitter });
}
