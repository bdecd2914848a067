import pRetry from "p-retry";
import type { Logger } from "pino";
import { isSaidByGitHub } from "../../shared/github-failure.ts";
import type { Clock } from "../clock.ts";
import { classifyGitHubError } from "../github/github-error.ts";
import type { WebhookConfig, WebhookConfigClient } from "../github/webhook-config.ts";

/** Pauses between tries to set the URL. They are short: a failover waits while GitHub is unreachable. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2_000;
/** The pause after a refusal: GitHub refuses again until someone changes something. */
const REFUSED_PAUSE_MS = 30_000;

/** The desired webhook config: the URL at which GitHub reaches `endpoint`. */
export interface DesiredWebhook {
  endpoint: string;
  url: string;
}

export interface WebhookSyncOptions {
  github: Pick<WebhookConfigClient, "read" | "write">;
  clock: Clock;
  /** Whether this instance may write to GitHub at this very moment. */
  mayWrite: () => boolean;
  /** Called when GitHub has taken the URL, and when the URL was read back. */
  onSwitched: (desired: DesiredWebhook) => Promise<void>;
  onVerified: (desired: DesiredWebhook) => Promise<void>;
  /** Called when GitHub's config differs although no new one was set here. `found` is GitHub's URL. */
  onDeviation: (desired: DesiredWebhook, found: string | null) => void;
  /** Called when a try failed and another will follow. */
  onRetry?: () => void;
  log: Logger;
}

/**
 * Keeps the App's webhook at GitHub equal to the desired webhook config. A new desired config replaces the earlier one,
 * even in the middle of a try.
 */
export class WebhookSync {
  #options: WebhookSyncOptions;
  #abort: AbortController | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(options: WebhookSyncOptions) {
    this.#options = options;
  }

  /**
   * Sets the URL without reading it first. Tries until GitHub has it, or until another one is desired. With `newSecret`
   * only a successful write counts, since GitHub does not show which secret it has.
   */
  set(desired: DesiredWebhook, { newSecret = false } = {}): void {
    this.#begin(desired, { readFirst: false, newSecret });
  }

  /** Reads the URL, and sets it if it is not the desired one. Does nothing while a try is under way. */
  repair(desired: DesiredWebhook): void {
    if (!this.#abort) this.#begin(desired, { readFirst: true, newSecret: false });
  }

  /** Forgets the desired config. A request that is at GitHub already may still be taken. */
  abandon(): void {
    this.#abort?.abort();
    this.#abort = undefined;
  }

  /** Stops. Resolves when no try is under way. */
  async stop(): Promise<void> {
    this.abandon();
    await this.#work;
  }

  #begin(desired: DesiredWebhook, how: { readFirst: boolean; newSecret: boolean }): void {
    this.abandon();
    const abort = new AbortController();
    this.#abort = abort;
    this.#work = this.#pursue(desired, how, abort.signal)
      .catch((error) => {
        // The new controller sets the webhook.
        if (abort.signal.aborted || !this.#options.mayWrite()) return;
        this.#options.log.warn(`setting the webhook at GitHub was given up: ${(error as Error).message}`);
      })
      .finally(() => {
        if (this.#abort === abort) this.#abort = undefined;
      });
  }

  async #pursue(
    desired: DesiredWebhook,
    { readFirst, newSecret }: { readFirst: boolean; newSecret: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const { github, mayWrite, onSwitched, onVerified, onDeviation, log } = this.#options;
    const { url } = desired;
    const checkRight = () => {
      signal.throwIfAborted();
      if (!mayWrite()) throw new Error("this instance is not the controller any more");
    };
    let mustRead = readFirst;
    let mayBeTaken = false;
    await pRetry(
      async () => {
        if (mustRead) {
          const found = await github.read(signal);
          if (isRight(found, url)) return await onVerified(desired);
          mustRead = false;
          onDeviation(desired, found.url);
        }
        // GitHub may have taken the URL although its answer was lost. Read it; if that fails too, write again.
        if (mayBeTaken && isRight(await github.read(signal).catch(() => undefined), url)) {
          await onSwitched(desired);
          return await onVerified(desired);
        }
        try {
          // GitHub knows no fencing token, so the lease is checked right before the write.
          await github.write(url, signal, checkRight);
          mayBeTaken = true;
        } catch (error) {
          mayBeTaken = !newSecret && !isSaidByGitHub(error);
          throw error;
        }
        await onSwitched(desired);
        const { url: found } = await github.read(signal);
        if (found !== url) throw new Error(`GitHub took the URL and then named ${found}`);
        await onVerified(desired);
      },
      {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: FIRST_PAUSE_MS,
        maxTimeout: LONGEST_PAUSE_MS,
        signal,
        shouldRetry: () => mayWrite(),
        onFailedAttempt: async ({ error, attemptNumber }) => {
          if (signal.aborted || !mayWrite()) return;
          this.#options.onRetry?.();
          const pauseMs = this.#extraPause(error);
          // Log the 1st, 2nd, 4th, 8th … failure: GitHub may be unreachable for hours.
          if (pauseMs > 0 || Number.isInteger(Math.log2(attemptNumber)))
            log.warn({ url, attemptNumber }, `the webhook at GitHub is not set yet: ${error.message}`);
          if (pauseMs > 0) await this.#options.clock.sleep(pauseMs, signal);
        },
      },
    );
  }

  #extraPause(error: Error): number {
    const failure = classifyGitHubError(error, this.#options.clock.now());
    if (failure.kind === "rate_limited") return failure.delayMs;
    return failure.kind === "refused" ? REFUSED_PAUSE_MS : 0;
  }
}

function isRight(found: WebhookConfig | undefined, url: string): boolean {
  return found?.url === url && found.contentType === "json" && !found.insecureSsl;
}
