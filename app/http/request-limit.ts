import type { Caller } from "../auth/authenticate.ts";
import { nameOf } from "../auth/viewer.ts";
import type { Clock } from "../clock.ts";
import { repositoryKey } from "../store/repository-key.ts";
import { HttpProblem } from "./problem.ts";

/** So many requests may come at once: 40 jobs with several rounds over the endpoints each. */
const BURST = 240;
/** The rate after the burst. A request may cost a call to GitHub, which allows 5,000 an hour. */
const PER_SECOND = 1;
/** Anyone at GitHub can prove an identity, so at most so many callers are remembered. */
const MAX_CALLERS = 10_000;

interface Bucket {
  left: number;
  at: number;
}

/**
 * Stops a caller in an endless loop, before it fills the store or exhausts the App's rate limit at GitHub. It
 * counts by proven identity, never by address: behind a proxy all callers share one.
 */
export class RequestLimit {
  #clock: Clock;
  #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Counts a request.
   * @throws {HttpProblem} 429 with the time after which another request may come.
   */
  count(caller: Caller): void {
    const name = callerName(caller);
    const now = this.#clock.monotonic();
    const { left, at } = this.#buckets.get(name) ?? { left: BURST, at: now };
    const refilled = Math.min(BURST, left + ((now - at) / 1000) * PER_SECOND);
    if (refilled < 1) {
      const seconds = Math.ceil((1 - refilled) / PER_SECOND);
      throw new HttpProblem(
        429,
        `more than ${BURST} requests came at once, and more than ${PER_SECOND} a second after that; wait ${seconds} s`,
        { "retry-after": String(seconds) },
      );
    }
    // Deleted first, so that the map keeps the order of use.
    this.#buckets.delete(name);
    this.#buckets.set(name, { left: refilled - 1, at: now });
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > MAX_CALLERS && oldest !== undefined) this.#buckets.delete(oldest);
  }
}

/** The name of a caller; all requests of one identity share it. */
function callerName(caller: Caller): string {
  switch (caller.kind) {
    case "signed":
      return `secret of ${caller.targets.map((t) => `${repositoryKey(t.repository)} ${t.name}`).join(", ")}`;
    case "oidc":
      return `repository ${caller.claims.repository_id}`;
    default:
      return `person ${nameOf(caller)}`;
  }
}
