import pRetry from "p-retry";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { WebhookConfigClient } from "../github/webhook-config.ts";

/** Pauses between tries to set the URL: GitHub being away must cost as little time as it can. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2_000;

export interface WebhookSyncOptions {
  github: WebhookConfigClient;
  clock: Clock;
  /** Whether this instance may write to GitHub at this very moment. */
  mayWrite: () => boolean;
  /** GitHub has taken `url` (`switched`), and it was read back (`verified`). */
  onSwitched: (url: string) => Promise<void>;
  onVerified: (url: string) => Promise<void>;
  log: Logger;
}

/**
 * Keeps the App's webhook URL at GitHub equal to what is wanted. One wish at a time: a new one makes an earlier
 * one void, even in the middle of a try.
 */
export class WebhookSync {
  #options: WebhookSyncOptions;
  #wanted: string | undefined;
  #abort: AbortController | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(options: WebhookSyncOptions) {
    this.#options = options;
  }

  /** Sets the URL, without asking first what it is; tries until GitHub has it, or until something else is wanted. */
  want(url: string): void {
    if (this.#wanted === url && this.#abort) return;
    this.#begin(url, (signal) => this.#write(url, signal));
  }

  /** Reads the URL, and sets it where it is not `url` (any more). */
  repair(url: string): void {
    if (this.#abort) return;
    this.#begin(url, async (signal) => {
      const { github, log, onVerified } = this.#options;
      const found = await github.read(signal);
      if (found.url === url && found.contentType === "json" && !found.insecureSsl) return onVerified(url);
      log.warn(
        { found: found.url, wanted: url },
        "the webhook at GitHub is not as it should be; putting it right",
      );
      await this.#write(url, signal);
    });
  }

  /** Wants nothing any more. Resolves when no try is under way. */
  async stop(): Promise<void> {
    this.#wanted = undefined;
    this.#abort?.abort();
    await this.#work;
  }

  #begin(url: string, act: (signal: AbortSignal) => Promise<void>): void {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#wanted = url;
    this.#work = act(abort.signal)
      .catch((error) => {
        if (!abort.signal.aborted)
          this.#options.log.warn(`the webhook at GitHub could not be checked: ${(error as Error).message}`);
      })
      .finally(() => {
        if (this.#abort === abort) this.#abort = undefined;
      });
  }

  async #write(url: string, signal: AbortSignal): Promise<void> {
    const { github, mayWrite, onSwitched, onVerified, log } = this.#options;
    await pRetry(
      async () => {
        // GitHub knows no fencing token, so the right to write is checked right before the write.
        if (!mayWrite()) throw new DOMException("no longer the controller", "AbortError");
        await github.write(url, signal);
        await onSwitched(url);
        const { url: found } = await github.read(signal);
        if (found !== url) throw new Error(`GitHub took the URL and then named ${found}`);
        await onVerified(url);
      },
      {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: FIRST_PAUSE_MS,
        maxTimeout: LONGEST_PAUSE_MS,
        signal,
        shouldRetry: () => mayWrite(),
        onFailedAttempt: ({ error, attemptNumber }) =>
          log.warn({ url, attemptNumber }, `the webhook URL is not set yet: ${error.message}`),
      },
    );
  }
}
