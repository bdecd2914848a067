import type { FlattenedJWSInput, JSONWebKeySet, JWTHeaderParameters } from "jose";
import * as errors from "jose/errors";
import { createLocalJWKSet } from "jose/jwks/local";
import type { Clock } from "../../clock.ts";

/** Where an issuer publishes its keys: GitHub and GitHub Enterprise Server alike. */
const KEYS_PATH = "/.well-known/jwks";
/** Whoever sent the token waits meanwhile. */
const FETCH_LIMIT_MS = 1_500;
/** Keys that were withdrawn are forgotten within this time. */
const FRESH_MS = 10 * 60_000;
/** While the issuer is away, the keys that it published last are still believed for this long. */
const STALE_MS = 24 * 60 * 60_000;
/** A key that nobody has heard of makes the issuer be asked, but no more often than this. */
const ASK_AGAIN_MS = 30_000;
/** After a failure it is asked again sooner. */
const AFTER_FAILURE_MS = 2_000;

/** The issuer's keys are needed and cannot be read. */
export class KeysUnavailableError extends Error {
  override readonly name = "KeysUnavailableError";
}

type FindKey = ReturnType<typeof createLocalJWKSet>;

/**
 * The public keys of the tokens' issuer, kept between requests. A new key is found when the first token comes that
 * it signed; made-up key ids do not make the issuer be asked all the time.
 */
export class IssuerKeys {
  #url: string;
  #clock: Clock;
  #find: FindKey | undefined;
  /** When the keys were read, when that was tried last, and how that went (monotonic). */
  #readAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;
  #failure: unknown;
  #reading: Promise<void> | undefined;

  constructor({ issuer, clock }: { issuer: string; clock: Clock }) {
    this.#url = `${issuer}${KEYS_PATH}`;
    this.#clock = clock;
  }

  /**
   * The key that a token names.
   * @throws {errors.JWKSNoMatchingKey} when the issuer has no such key, {KeysUnavailableError} when it cannot be asked.
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

  /** Reads the keys, unless that was just done. Never throws: what was read before may do. */
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
