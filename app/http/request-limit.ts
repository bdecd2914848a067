import type { Caller } from "../auth/authenticate.ts";
import { RateLimiter } from "../auth/rate-limiter.ts";
import { nameOf } from "../auth/viewer.ts";
import type { Clock } from "../clock.ts";
import { repositoryKey } from "../store/repository-key.ts";
import { HttpProblem } from "./problem.ts";

/** So many requests may come at once: 40 jobs with several rounds over the endpoints each. */
const BURST = 240;
/** The rate after the burst. A request may cost a call to GitHub, which allows 5,000 an hour. */
const PER_SECOND = 1;
/**
 * Stops a caller in an endless loop, before it fills the store or exhausts the App's rate limit at GitHub. It
 * counts by proven identity, never by address: behind a proxy all callers share one.
 */
export class RequestLimit {
  #limiter: RateLimiter;

  constructor(clock: Clock) {
    this.#limiter = new RateLimiter(clock, { burst: BURST, everyMs: 1_000 / PER_SECOND });
  }

  /**
   * Counts a request.
   * @throws {HttpProblem} 429 with the time after which another request may come.
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
