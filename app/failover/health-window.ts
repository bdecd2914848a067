import { counted } from "../../shared/counted.ts";
import type { FileConfig } from "../config/schema.ts";

export type Thresholds = FileConfig["failover"];
/** `unknown` is an endpoint that this observer has never seen up. */
export type HealthStatus = "unknown" | "healthy" | "degraded" | "unhealthy";

/** How an endpoint does. Times are milliseconds on the observer's monotonic clock, unless they say otherwise. */
export interface Health {
  status: HealthStatus;
  consecutiveFailures: number;
  consecutiveSuccesses: number;
  /** Over the window; null before the first success. */
  averageMs: number | null;
  p95Ms: number | null;
  /** Percent, over the window; null before the first sample. */
  successRate: number | null;
  samples: number;
  /** When it was last unhealthy; null if it never was. */
  lastUnhealthyAt: number | null;
  /** When it became unhealthy, while it is. */
  unhealthySince: number | null;
  /** Until when GitHub is taken not to reach it, although it looks well from here; null if it always did. */
  outOfReachUntil: number | null;
  /** Whether it is unhealthy because it says that it cannot commit, and for nothing else. */
  storeFails: boolean;
  /** Whether it shuts down, or did, as someone wished: it said so itself. */
  shutDown: boolean;
  /** Whether the observer stood still, and has not seen since how it does. */
  stale: boolean;
  /** Why it counts as it does, in words. */
  reason: string;
}

/** Rates and averages of fewer samples say nothing. */
export const MIN_SAMPLES = 20;

/** A rate to be shown (percent): cut, not rounded, so that what is below a limit also reads so. */
export function shownRate(rate: number): number {
  return Math.floor(rate * 10) / 10;
}

/** So long it is taken to be out of GitHub's reach once failed deliveries made it degraded: at first, and at most. */
const OUT_OF_REACH_MS = 5 * 60_000;
const LONGEST_OUT_OF_REACH_MS = 60 * 60_000;
/** What happens again within this time after that has not been mended, and lasts twice as long. */
const AGAIN_MS = 6 * 60 * 60_000;

interface Sample {
  at: number;
  ok: boolean;
  ms: number;
  /** One of GitHub's, instead of a check. */
  delivery: boolean;
}

/** Judges one endpoint by its latest checks, and by what GitHub reports of its deliveries. */
export class HealthWindow {
  #thresholds: Thresholds;
  #samples: Sample[] = [];
  #failures = 0;
  /** How many checks in a row it left without any answer. */
  #unanswered = 0;
  #successes = 0;
  #failureReason = "";
  #seenUp = false;
  #lastUnhealthyAt: number | null = null;
  #unhealthySince: number | null = null;
  /** Whether it is degraded, and would not be by its checks alone. */
  #failsDeliveries = false;
  #outOfReachMs = 0;
  #outOfReachUntil: number | null = null;
  /** The cause, once its process is known to be gone. */
  #dead: string | null = null;
  /** `says so`: it answers, and has said that it will not for long. `gone`: nothing was heard of it since. */
  #leaving: "no" | "says so" | "gone" = "no";
  #stale = false;

  constructor(thresholds: Thresholds) {
    this.#thresholds = thresholds;
  }

  /** A check (or a delivery of GitHub's) that went well, `ms` after it was begun. */
  succeeded(at: number, ms: number): void {
    // What was measured before it was there, or of a process that is gone, says nothing of this one.
    if (!this.#seenUp || this.#dead !== null) this.#samples = [];
    this.#add({ at, ok: true, ms, delivery: false });
    this.#failures = 0;
    this.#unanswered = 0;
    this.#successes += 1;
    this.#seenUp = true;
    this.#dead = null;
    this.#stale = false;
    if (this.#leaving === "gone") this.#leaving = "no";
    this.#note(at);
  }

  /**
   * A check that failed. With `storeFails` the endpoint answered that it cannot commit: the store may be every
   * endpoint's, so that this counts in the row, and not in the rate.
   */
  failed(at: number, ms: number, reason: string, { storeFails = false } = {}): void {
    if (!storeFails) this.#add({ at, ok: false, ms, delivery: false });
    this.#failures += 1;
    this.#unanswered = storeFails ? 0 : this.#unanswered + 1;
    this.#successes = 0;
    this.#failureReason = reason;
    this.#stale = false;
    this.#note(at);
  }

  /** The observer stood still: counts start again. The status is stale until the next check. */
  interrupted(at: number): void {
    this.#stale = true;
    this.#successes = 0;
    if (this.health(at).status === "unhealthy") return;
    this.#failures = 0;
    this.#unanswered = 0;
  }

  /** Its process is proven gone: that needs no further failures. */
  died(at: number, reason: string): void {
    this.#dead = reason;
    this.#successes = 0;
    this.#stale = false;
    this.#note(at);
  }

  get isLeaving(): boolean {
    return this.#leaving === "says so";
  }

  /** It says whether it is shutting down: no check that it still answers speaks against that. */
  leaving(at: number, leaving: boolean): void {
    this.#leaving = leaving ? "says so" : "no";
    this.#note(at);
  }

  /** It is not heard any more. If it was shutting down, it has done so, until it answers again. */
  lost(): void {
    if (this.#leaving === "says so") this.#leaving = "gone";
  }

  /** A delivery that GitHub logged counts towards the rate, and neither ends nor begins a row of checks. */
  delivered(at: number, ok: boolean, ms: number): void {
    this.#add({ at, ok, ms, delivery: true });
    this.#note(at);
  }

  health(now: number): Health {
    this.#samples = this.#samples.filter(({ at }) => now - at <= this.#thresholds.window);
    const times = this.#samples
      .filter(({ ok }) => ok)
      .map(({ ms }) => ms)
      .sort((a, b) => a - b);
    const samples = this.#samples.length;
    const averageMs = times.length > 0 ? times.reduce((sum, ms) => sum + ms, 0) / times.length : null;
    const successRate = samples > 0 ? (100 * times.length) / samples : null;
    const judged = this.#judge(samples, averageMs, successRate);
    return {
      ...judged,
      consecutiveFailures: this.#failures,
      consecutiveSuccesses: this.#successes,
      averageMs,
      p95Ms: times[Math.min(times.length - 1, Math.floor(times.length * 0.95))] ?? null,
      successRate,
      samples,
      lastUnhealthyAt: this.#lastUnhealthyAt,
      unhealthySince: this.#unhealthySince,
      outOfReachUntil: this.#outOfReachUntil,
      storeFails:
        judged.status === "unhealthy" &&
        this.#leaving === "no" &&
        this.#dead === null &&
        this.#unanswered < this.#thresholds.failover_threshold,
      shutDown: this.#leaving !== "no",
      stale: this.#stale,
    };
  }

  #judge(
    samples: number,
    averageMs: number | null,
    rate: number | null,
  ): { status: HealthStatus; reason: string } {
    const t = this.#thresholds;
    if (this.#leaving === "says so") return { status: "unhealthy", reason: "it is shutting down" };
    if (this.#leaving === "gone") return { status: "unhealthy", reason: "it was shut down" };
    if (this.#dead !== null) return { status: "unhealthy", reason: this.#dead };
    if (!this.#seenUp)
      return {
        status: "unknown",
        reason: `it has not been seen up yet: ${this.#failureReason || "not checked"}`,
      };
    if (this.#failures >= t.failover_threshold)
      return {
        status: "unhealthy",
        reason: `${counted(this.#failures, "check")} in a row failed: ${this.#failureReason}`,
      };
    if (samples >= MIN_SAMPLES && averageMs !== null && averageMs > t.max_response_time)
      return {
        status: "degraded",
        reason: `it answers in ${Math.ceil(averageMs)} ms on average (limit ${t.max_response_time} ms)`,
      };
    if (samples >= MIN_SAMPLES && rate !== null && rate < t.min_success_rate)
      return {
        status: "degraded",
        reason: `only ${shownRate(rate)} % of its checks succeed (limit ${t.min_success_rate} %)`,
      };
    return { status: "healthy", reason: "it answers" };
  }

  #add(sample: Sample): void {
    this.#samples.push(sample);
    while (this.#samples[0] && sample.at - this.#samples[0].at > this.#thresholds.window)
      this.#samples.shift();
  }

  #note(at: number): void {
    const { status, successRate } = this.health(at);
    this.#noteReach(at, status === "degraded" ? successRate : null);
    if (status !== "unhealthy") {
      this.#unhealthySince = null;
      return;
    }
    this.#lastUnhealthyAt = at;
    this.#unhealthySince ??= at;
  }

  /** `rate` is null where it is not degraded. */
  #noteReach(at: number, rate: number | null): void {
    const { min_success_rate } = this.#thresholds;
    const others = this.#samples.filter(({ ok, delivery }) => ok || !delivery);
    const otherRate = (100 * others.filter(({ ok }) => ok).length) / others.length;
    const before = this.#failsDeliveries;
    this.#failsDeliveries = rate !== null && rate < min_success_rate && otherRate >= min_success_rate;
    const until = this.#outOfReachUntil;
    if (before || !this.#failsDeliveries || (until !== null && at < until)) return;
    const again = until !== null && at - until < AGAIN_MS;
    this.#outOfReachMs = again ? Math.min(2 * this.#outOfReachMs, LONGEST_OUT_OF_REACH_MS) : OUT_OF_REACH_MS;
    this.#outOfReachUntil = at + this.#outOfReachMs;
  }
}
