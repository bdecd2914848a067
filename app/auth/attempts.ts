import { randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { Refusal } from "./refusal.ts";
import { readSignedText, signText } from "./signed-text.ts";

const TYPE = "twinhook-device";
/** How long a browser is remembered after a sign-in (180 days). */
export const DEVICE_LIFE_MS = 180 * 24 * 3_600_000;

/** Limits on failed sign-ins: for all unknown browsers together, and for each known one. */
const UNKNOWN = { burst: 20, everyMs: 3_000 };
const PER_DEVICE = { burst: 10, everyMs: 6_000 };
const PER_IDENTITY = { burst: 10, everyMs: 30_000 };

/**
 * Limits how often signing in is tried. The address of the peer never counts: behind a proxy all people share
 * one. Nobody can lock others out: a browser that has signed in carries a signed cookie. That browser has
 * attempts of its own, which no stranger can use up.
 * @see https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
 */
export class Attempts {
  #key: Buffer;
  #clock: Clock;
  #unknown: RateLimiter;
  #devices: RateLimiter;
  #identities: RateLimiter;

  constructor({ key, clock }: { key: Buffer; clock: Clock }) {
    this.#key = key;
    this.#clock = clock;
    this.#unknown = new RateLimiter(clock, UNKNOWN);
    this.#devices = new RateLimiter(clock, PER_DEVICE);
    this.#identities = new RateLimiter(clock, PER_IDENTITY);
  }

  /**
   * Counts an attempt by the browser with this device cookie. All browsers without a valid
   * cookie share one limit for each way. When the attempt succeeds, the caller calls the returned function,
   * which uncounts it.
   * @throws {Refusal} 429
   */
  async count(way: "token" | "github", device: string | undefined): Promise<() => void> {
    const known = device && (await readSignedText(this.#key, TYPE, device, this.#clock));
    const [allowance, key] = known ? [this.#devices, String(known.jti)] : [this.#unknown, way];
    const wait = allowance.take(key);
    if (wait === null) return () => allowance.giveBack(key);
    throw tooOften(
      wait,
      known
        ? "this browser tried to sign in too often"
        : "browsers that never signed in here tried too often; use a browser that has signed in here",
    );
  }

  /**
   * Counts a sign-in of a person whose identity is proven.
   * @throws {Refusal} 429
   */
  countIdentity(name: string): void {
    const wait = this.#identities.take(name);
    if (wait !== null) throw tooOften(wait, `${name} signed in too often`);
  }

  /** The device cookie of a browser that has signed in. */
  deviceCookie(): Promise<string> {
    const claims = { jti: randomBytes(18).toString("base64url") };
    return signText(this.#key, TYPE, claims, this.#clock.now() + DEVICE_LIFE_MS);
  }
}

function tooOften(waitMs: number, why: string): Refusal {
  const retryAfterS = Math.ceil(waitMs / 1000);
  return new Refusal("too_often", `${why}; it can be tried again in ${retryAfterS} s`, { retryAfterS });
}
