import type { Endpoint } from "../input/endpoints.ts";
import type { Breakers } from "./breakers.ts";
import type { Judgement } from "./judge.ts";

/** Decides which endpoints may be called again, and when, by their replies and breakers. */
export class EndpointAvailability {
  readonly #breakers: Breakers;
  readonly #now: () => number;
  readonly #refused = new Set<Endpoint>();
  readonly #leaveAloneUntil = new Map<Endpoint, number>();

  constructor(breakers: Breakers, now: () => number) {
    this.#breakers = breakers;
    this.#now = now;
  }

  /**
   * Makes the call and remembers the pause that its reply asks for. During a pause, returns null without
   * calling.
   */
  async call(endpoint: Endpoint, call: () => Promise<Judgement>): Promise<Judgement | null> {
    if (this.#refused.has(endpoint) || (this.#leaveAloneUntil.get(endpoint) ?? 0) > this.#now()) return null;
    const judgement = await this.#breakers.call(endpoint, call);
    if (judgement?.kind === "permanent") this.#refused.add(endpoint);
    if (judgement?.kind === "transient" && judgement.retryAfterMs !== null)
      this.#leaveAloneUntil.set(endpoint, this.#now() + judgement.retryAfterMs);
    return judgement;
  }

  /**
   * The pause (ms) until one of these may be called again; negative when now, null when all refused for good.
   */
  msUntilNext(endpoints: readonly Endpoint[]): number | null {
    const open = endpoints.filter((endpoint) => !this.#refused.has(endpoint));
    if (open.length === 0) return null;
    const until = open.map((endpoint) =>
      Math.max(this.#leaveAloneUntil.get(endpoint) ?? 0, this.#breakers.openUntil(endpoint)),
    );
    // Timers may fire a millisecond early, when the endpoint's pause is not over.
    return Math.min(...until) + 1 - this.#now();
  }
}
