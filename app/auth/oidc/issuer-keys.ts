import type { FlattenedJWSInput, JSONWebKeySet, JWTHeaderParameters } from "jose";
import * as errors from "jose/errors";
import { createLocalJWKSet } from "jose/jwks/local";
import type { Clock } from "../../clock.ts";

/** The path of an issuer's public keys; GitHub and GitHub Enterprise Server use the same. */
const KEYS_PATH = "/.well-known/jwks";
/** The time limit for reading the keys. The caller waits for them. */
const FETCH_LIMIT_MS = 1_500;
/** Withdrawn keys are forgotten within this time. */
const FRESH_MS = 10 * 60_000;
/** While the issuer is unreachable, its last keys stay valid for this long. */
const STALE_MS = 24 * 60 * 60_000;
/** An unknown key id triggers a fetch, but no more often than this. */
const ASK_AGAIN_MS = 30_000;
/** The pause after a failed fetch. */
const AFTER_FAILURE_MS = 2_000;

/** The issuer's keys are needed and cannot be read. */
export class KeysUnavailableError extends Error {
  override readonly name = "KeysUnavailableError";
}

type FindKey = ReturnType<typeof createLocalJWKSet>;

/**
 * Keeps the public keys of the tokens' issuer. The first token with a new key id triggers a fetch. Made-up
 * key ids do not trigger one each time.
 */
export class IssuerKeys {
  #url: string;
  #clock: Clock;
  #find: FindKey | undefined;
  /** When the keys were read, when the last fetch ended (both monotonic), and its error. */
  #readAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;
  #failure: unknown;
  #reading: Promise<void> | undefined;

  constructor({ issuer, clock }: { issuer: string; clock: Clock }) {
    this.#url = `${issuer}${KEYS_PATH}`;
    this.#clock = clock;
  }

  /**
   * Returns the key that a token names.
   * @throws {errors.JWKSNoMatchingKey} when the issuer has no such key; {KeysUnavailableError} when the
   * issuer is unreachable.
   */
  async key(header: JWTHeaderParameters, token: FlattenedJWSInput): ReturnType<FindKey> {
    if (this.#age() > FRESH_MS) await this.#read();
    if (!this.#find || this.#age() > STALE_MS) throw this.#unavailable();
    try {
      return await this.#find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.#read();
      if (this.#failure !== undefined) throw this.#unavailable();
      return this.#find(header, token);
    }
  }

  #age(): number {
    return this.#clock.monotonic() - this.#readAt;
  }

  /** Fetches the keys, unless a recent fetch did. Never throws: older keys may still serve. */
  #read(): Promise<void> {
    const pause = this.#failure === undefined ? ASK_AGAIN_MS : AFTER_FAILURE_MS;
    if (!this.#reading && this.#clock.monotonic() - this.#triedAt < pause) return Promise.resolve();
    this.#reading ??= this.#fetch()
      .then((keys) => {
        this.#find = createLocalJWKSet(keys);
        this.#readAt = this.#clock.monotonic();
        this.#failure = undefined;
      })
      .catch((error: unknown) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#triedAt = this.#clock.monotonic();
        this.#reading = undefined;
      });
    return this.#reading;
  }

  async #fetch(): Promise<JSONWebKeySet> {
    const response = await fetch(this.#url, {
      signal: AbortSignal.timeout(FETCH_LIMIT_MS),
      redirect: "error",
    });
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    return (await response.json()) as JSONWebKeySet;
  }

  #unavailable(): KeysUnavailableError {
    const why = (this.#failure as Error | undefined)?.message ?? "unknown";
    return new KeysUnavailableError(`the keys at ${this.#url} cannot be read: ${why}`, {
      cause: this.#failure,
    });
  }
}
