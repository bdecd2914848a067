import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhenResult,
  isBrokenCircuitError,
} from "cockatiel";
import type { Endpoint } from "./endpoints.ts";
import type { Judgement } from "./judge.ts";

/** Failures in a row after which a route is left alone. */
export const FAILURE_THRESHOLD = 5;
/** For how long: about as long as an instance takes to restart. */
export const OPEN_MS = 15_000;

/** One circuit breaker per route, for the whole step. Only transient failures count. */
export class Breakers {
  readonly #policies = new Map<Endpoint, CircuitBreakerPolicy>();

  /** Makes the call, or returns null without it while the breaker of this route is open. */
  async call(endpoint: Endpoint, call: () => Promise<Judgement>): Promise<Judgement | null> {
    try {
      return await this.#policy(endpoint).execute(call);
    } catch (error) {
      if (isBrokenCircuitError(error)) return null;
      throw error;
    }
  }

  /** When the route may be tried again, in milliseconds since 1970; 0 when it may be now. */
  openUntil(endpoint: Endpoint): number {
    const policy = this.#policy(endpoint);
    if (policy.state !== CircuitState.Open) return 0;
    const { ownState } = policy.toJSON() as { ownState: { openedAt: number } };
    return ownState.openedAt + OPEN_MS;
  }

  #policy(endpoint: Endpoint): CircuitBreakerPolicy {
    const known = this.#policies.get(endpoint);
    if (known) return known;
    const policy = circuitBreaker(
      handleWhenResult((result) => (result as Judgement).kind === "transient"),
      { halfOpenAfter: OPEN_MS, breaker: new ConsecutiveBreaker(FAILURE_THRESHOLD) },
    );
    this.#policies.set(endpoint, policy);
    return policy;
  }
}
