import type { Caller } from "../auth/authenticate.ts";
import { nameOf } from "../auth/viewer.ts";
import type { Clock } from "../clock.ts";
import { repositoryKey } from "../store/repository-key.ts";
import { HttpProblem } from "./problem.ts";

/** So many requests may come at once: 40 jobs that all make several rounds over the endpoints. */
const BURST = 240;
/** And so many go on coming. A request may cost a call to GitHub, which allows 5,000 an hour. */
const PER_SECOND = 1;
/** Anyone at GitHub can prove who they are: so many callers are remembered at most. */
const MAX_CALLERS = 10_000;

interface Bucket {
  left: number;
  at: number;
}

/**
 * Keeps a caller whose loop has run wild from filling the store and from using up what GitHub allows the App. It counts
 * by who is proven to ask, never by address: behind a proxy everyone has the proxy's.
 */
export class RequestLimit {
  #clock: Clock;
  #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Counts a request.
   * @throws {HttpProblem} 429 with the time after which one more may come.
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
    // Deleted first, so that the map is in the order of use.
    this.#buckets.delete(name);
    this.#buckets.set(name, { left: refilled - 1, at: now });
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > MAX_CALLERS && oldest !== undefined) this.#buckets.delete(oldest);
  }
}

/** Who it is that asks, the same for all that one identity sends. */
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
