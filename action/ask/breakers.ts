import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhenResult,
  isBrokenCircuitError,
} from "cockatiel";
import { monotonicPause } from "../../shared/monotonic-pause.ts";
import type { Endpoint } from "../input/endpoints.ts";
import type { Judgement } from "./judge.ts";

/** After so many failures in a row, a route is not called for a while. */
export const FAILURE_THRESHOLD = 5;
/** How long it is not called: about as long as an instance takes to restart. */
export const OPEN_MS = 15_000;

/** A circuit breaker for each route, for the whole step. Only transient failures count. */
export class Breakers {
  readonly #now: () => number;
  readonly #policies = new Map<Endpoint, CircuitBreakerPolicy>();
  /** When each route's breaker opened last. */
  readonly #openedAt = new Map<Endpoint, number>();

  /** `now` returns milliseconds that only grow. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Makes the call. While this route's breaker is open, returns null without calling. */
  async call(endpoint: Endpoint, call: () => Promise<Judgement>): Promise<Judgement | null> {
    try {
      return await this.#policy(endpoint).execute(call);
    } catch (error) {
      if (isBrokenCircuitError(error)) return null;
      throw error;
    }
  }

  /** When the route may be called again, by the clock of `now`; 0 means now. */
  openUntil(endpoint: Endpoint): number {
    if (this.#policy(endpoint).state !== CircuitState.Open) return 0;
    return (this.#openedAt.get(endpoint) ?? 0) + OPEN_MS;
  }

  #policy(endpoint: Endpoint): CircuitBreakerPolicy {
    const known = this.#policies.get(endpoint);
    if (known) return known;
    const policy = circuitBreaker(
      handleWhenResult((result) => (result as Judgement).kind === "transient"),
      {
        halfOpenAfter: monotonicPause(OPEN_MS, this.#now),
        breaker: new ConsecutiveBreaker(FAILURE_THRESHOLD),
      },
    );
    policy.onBreak(() => this.#openedAt.set(endpoint, this.#now()));
    this.#policies.set(endpoint, policy);
    return policy;
  }
}
