import { counted } from "../../shared/counted.ts";
import type { FileConfig } from "../config/schema.ts";

export type Thresholds = FileConfig["failover"];
/** `unknown`: this observer has never seen the endpoint up. */
export type HealthStatus = "unknown" | "healthy" | "degraded" | "unhealthy";

/** The health of an endpoint. Times are milliseconds on the observer's monotonic clock, unless they say otherwise. */
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
  /** When it was last unhealthy; null if never. */
  lastUnhealthyAt: number | null;
  /** When it became unhealthy; null while it is not. */
  unhealthySince: number | null;
  /** Until when it counts as unreachable for GitHub, although its checks succeed; null if it never counted so. */
  outOfReachUntil: number | null;
  /** Whether it is unhealthy only because it says that it cannot commit. */
  storeFails: boolean;
  /** Whether it is shutting down on purpose, or has done so: it said so itself. */
  shutDown: boolean;
  /** Whether the observer stood still, and no check has ended since. */
  stale: boolean;
  /** The reason for the status, in words. */
  reason: string;
}

/** Rates and averages of fewer samples do not count. */
export const MIN_SAMPLES = 20;

/** A rate for display (percent): cut, not rounded, so that a rate below a limit also looks below it. */
export function shownRate(rate: number): number {
  return Math.floor(rate * 10) / 10;
}

/** How long an endpoint counts as unreachable for GitHub after failed deliveries: at first, and at most. */
const OUT_OF_REACH_MS = 5 * 60_000;
const LONGEST_OUT_OF_REACH_MS = 60 * 60_000;
/** If deliveries fail again within this time after it, the fault persists: the time doubles. */
const AGAIN_MS = 6 * 60 * 60_000;

interface Sample {
  at: number;
  ok: boolean;
  ms: number;
  /** Whether it is a delivery of GitHub's, instead of a check. */
  delivery: boolean;
}

/** Judges one endpoint by its latest checks, and by the deliveries that GitHub logged. */
export class HealthWindow {
  #thresholds: Thresholds;
  #samples: Sample[] = [];
  #failures = 0;
  /** How many checks in a row got no answer. */
  #unanswered = 0;
  #successes = 0;
  #failureReason = "";
  #seenUp = false;
  #lastUnhealthyAt: number | null = null;
  #unhealthySince: number | null = null;
  /** Whether it is degraded by failed deliveries alone: its checks are good enough. */
  #failsDeliveries = false;
  #outOfReachMs = 0;
  #outOfReachUntil: number | null = null;
  /** The reason, once its process is proven dead. */
  #dead: string | null = null;
  /** `says so`: it said that it is shutting down. `gone`: its link was lost after that. */
  #leaving: "no" | "says so" | "gone" = "no";
  #stale = false;
  /** The health as last computed, until an observation, or until a sample is too old. */
  #known: { health: Health; until: number } | undefined;

  constructor(thresholds: Thresholds) {
    this.#thresholds = thresholds;
  }

  /** A check succeeded, `ms` after it began. */
  succeeded(at: number, ms: number): void {
    // Samples from before it was up, or of a dead process, say nothing about this one.
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
   * A check failed. With `storeFails` the endpoint answered that it cannot commit. All endpoints may share that store.
   * So this failure counts in the row of failures, but not in the success rate.
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
    this.#known = undefined;
    this.#stale = true;
    this.#successes = 0;
    if (this.health(at).status === "unhealthy") return;
    this.#failures = 0;
    this.#unanswered = 0;
    this.#known = undefined;
  }

  /** Its process is proven dead: it is unhealthy at once. */
  died(at: number, reason: string): void {
    this.#dead = reason;
    this.#successes = 0;
    this.#stale = false;
    this.#note(at);
  }

  get isLeaving(): boolean {
    return this.#leaving === "says so";
  }

  /** It says whether it is shutting down. Checks that still succeed do not change that. */
  leaving(at: number, leaving: boolean): void {
    this.#leaving = leaving ? "says so" : "no";
    this.#note(at);
  }

  /** Its link is lost. If it was shutting down, it counts as shut down until it answers again. */
  lost(): void {
    this.#known = undefined;
    if (this.#leaving === "says so") this.#leaving = "gone";
  }

  /** GitHub logged a delivery. It counts in the rate, but not in the rows of successes or failures. */
  delivered(at: number, ok: boolean, ms: number): void {
    this.#add({ at, ok, ms, delivery: true });
    this.#note(at);
  }

  health(now: number): Health {
    if (!this.#known || now > this.#known.until) {
      const health = this.#compute(now);
      this.#known = { health, until: (this.#samples[0]?.at ?? now) + this.#thresholds.window };
    }
    return this.#known.health;
  }

  #compute(now: number): Health {
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
    this.#known = undefined;
    const { status, successRate } = this.health(at);
    this.#noteReach(at, status === "degraded" ? successRate : null);
    if (status === "unhealthy") {
      this.#lastUnhealthyAt = at;
      this.#unhealthySince ??= at;
    } else this.#unhealthySince = null;
    this.#known = undefined;
  }

  /** Updates until when it counts as unreachable for GitHub. `rate` is null unless it is degraded. */
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
