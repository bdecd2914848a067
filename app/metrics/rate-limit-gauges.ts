import { Gauge, type Registry } from "prom-client";
import type { GitHubCall } from "../github/app.ts";
import { boundedLabel } from "./bounded-label.ts";

/** The resources of GitHub's rate limit that this App may use; GitHub counts each separately. */
const RATE_LIMIT_RESOURCES = ["core", "search", "graphql", "integration_manifest"];

const LABELS = ["credential", "resource"] as const;
type Labels = Record<(typeof LABELS)[number], string>;

/** GitHub's rate limits as last seen. An instance that makes no calls any more shows none once the hour is over. */
export class RateLimitGauges {
  #monotonic: () => number;
  #limit: Gauge<keyof Labels>;
  #left: Gauge<keyof Labels>;
  /** When the hour of each rate limit is over (monotonic), by its labels. */
  #ends = new Map<string, { labels: Labels; at: number }>();

  constructor(registry: Registry, monotonic: () => number) {
    this.#monotonic = monotonic;
    const common = { labelNames: LABELS, registers: [registry], collect: () => this.#forgetEnded() };
    this.#limit = new Gauge({
      name: "twinhook_github_rate_limit",
      help: "How many calls GitHub allows in the present hour, as last seen; none once that hour is over.",
      ...common,
    });
    this.#left = new Gauge({
      name: "twinhook_github_rate_limit_remaining",
      help: "How many of these are left, as last seen; none once that hour is over.",
      ...common,
    });
  }

  record(credential: string, rateLimit: NonNullable<GitHubCall["rateLimit"]>): void {
    const labels = { credential, resource: boundedLabel(rateLimit.resource, RATE_LIMIT_RESOURCES) };
    this.#limit.set(labels, rateLimit.limit);
    this.#left.set(labels, rateLimit.remaining);
    const at = this.#monotonic() + rateLimit.resetInMs;
    this.#ends.set(`${labels.credential} ${labels.resource}`, { labels, at });
  }

  #forgetEnded(): void {
    for (const [key, { labels, at }] of this.#ends) {
      if (this.#monotonic() < at) continue;
      this.#limit.remove(labels);
      this.#left.remove(labels);
      this.#ends.delete(key);
    }
  }
}
