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

/** Failures in a row after which a route is left alone. */
export const FAILURE_THRESHOLD = 5;
/** For how long: about as long as an instance takes to restart. */
export const OPEN_MS = 15_000;

/** One circuit breaker per route, for the whole step. Only transient failures count. */
export class Breakers {
  readonly #now: () => number;
  readonly #policies = new Map<Endpoint, CircuitBreakerPolicy>();
  /** When each route's breaker opened last. */
  readonly #openedAt = new Map<Endpoint, number>();

  /** `now` tells milliseconds that only grow. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Makes the call, or returns null without it while the breaker of this route is open. */
  async call(endpoint: Endpoint, call: () => Promise<Judgement>): Promise<Judgement | null> {
    try {
      return await this.#policy(endpoint).execute(call);
    } catch (error) {
      if (isBrokenCircuitError(error)) return null;
      throw error;
    }
  }

  /** When the route may be tried again, by the clock of `now`; 0 when it may be now. */
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
