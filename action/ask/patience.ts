import type { Endpoint } from "../input/endpoints.ts";
import type { Breakers } from "./breakers.ts";
import type { Judgement } from "./judge.ts";

/** Which endpoints may be asked again, and when: as their own replies say, and their breakers. */
export class Patience {
  readonly #breakers: Breakers;
  readonly #now: () => number;
  readonly #refused = new Set<Endpoint>();
  readonly #leaveAloneUntil = new Map<Endpoint, number>();

  constructor(breakers: Breakers, now: () => number) {
    this.#breakers = breakers;
    this.#now = now;
  }

  /** Makes the call and heeds what its reply asks for; returns null without it while the endpoint is left alone. */
  async call(endpoint: Endpoint, call: () => Promise<Judgement>): Promise<Judgement | null> {
    if (this.#refused.has(endpoint) || (this.#leaveAloneUntil.get(endpoint) ?? 0) > this.#now()) return null;
    const judgement = await this.#breakers.call(endpoint, call);
    if (judgement?.kind === "permanent") this.#refused.add(endpoint);
    if (judgement?.kind === "transient" && judgement.retryAfterMs !== null)
      this.#leaveAloneUntil.set(endpoint, this.#now() + judgement.retryAfterMs);
    return judgement;
  }

  /**
   * After how long a pause (ms) one of these may be asked again, negative when none is needed; null when all refused
   * for good.
   */
  msUntilNext(endpoints: readonly Endpoint[]): number | null {
    const open = endpoints.filter((endpoint) => !this.#refused.has(endpoint));
    if (open.length === 0) return null;
    const until = open.map((endpoint) =>
      Math.max(this.#leaveAloneUntil.get(endpoint) ?? 0, this.#breakers.openUntil(endpoint)),
    );
    // Timers may fire a millisecond early, and would find it still left alone.
    return Math.min(...until) + 1 - this.#now();
  }
}
