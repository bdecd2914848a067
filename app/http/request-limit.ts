import type { Caller } from "../auth/authenticate.ts";
import { RateLimiter } from "../auth/rate-limiter.ts";
import { nameOf } from "../auth/viewer.ts";
import type { Clock } from "../clock.ts";
import { repositoryKey } from "../store/repository-key.ts";
import { HttpProblem } from "./problem.ts";

/** So many requests may come at once: 40 jobs that all make several rounds over the endpoints. */
const BURST = 240;
/** And so many go on coming. A request may cost a call to GitHub, which allows 5,000 an hour. */
const PER_SECOND = 1;
/**
 * Keeps a caller whose loop has run wild from filling the store and from using up what GitHub allows the App. It counts
 * by who is proven to ask, never by address: behind a proxy everyone has the proxy's.
 */
export class RequestLimit {
  #limiter: RateLimiter;

  constructor(clock: Clock) {
    this.#limiter = new RateLimiter(clock, { burst: BURST, everyMs: 1_000 / PER_SECOND });
  }

  /**
   * Counts a request.
   * @throws {HttpProblem} 429 with the time after which one more may come.
   */
  count(caller: Caller): void {
    const waitMs = this.#limiter.take(callerName(caller));
    if (waitMs === null) return;
    const seconds = Math.ceil(waitMs / 1_000);
    throw new HttpProblem(
      429,
      `more than ${BURST} requests came at once, and more than ${PER_SECOND} a second after that; wait ${seconds} s`,
      { "retry-after": String(seconds) },
    );
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
