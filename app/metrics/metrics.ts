import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { DEPLOYMENT_SOURCES } from "../../shared/deployment.ts";
import type { Accepted } from "../accept/accepted.ts";
import type { Arrival } from "../accept/arrival.ts";
import type { Clock } from "../clock.ts";
import type { TargetConfig } from "../config/schema.ts";
import type { BusEvent } from "../failover/event-bus.ts";
import type { GitHubCall } from "../github/app.ts";
import type { RunProgress } from "../run/messages.ts";
import { UNAVAILABLE_CAUSES } from "../store/errors.ts";
import { repositoryKey } from "../store/repository-key.ts";
import { DELIVERY_OUTCOMES } from "../store/schema.ts";
import { VERSION } from "../version.ts";
import { boundedLabel, OTHER } from "./bounded-label.ts";
import type { EndedDeployment } from "./ended-deployments.ts";
import { RateLimitGauges } from "./rate-limit-gauges.ts";
import { REFUSAL_CAUSES, refusalCause } from "./refusal-cause.ts";
import { startAtZero } from "./start-at-zero.ts";

/** Bounds of the histograms, in seconds: for checks and commits, and for deployments. */
const FAST = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const SLOW = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600];

/** The events that GitHub sends to every App, and `ping`, the first one of a new webhook. */
const KNOWN_EVENTS = ["ping", "installation", "installation_repositories", "github_app_authorization"];

/** Every value of the labels that are fixed words. */
const ENTRANCES = ["webhook", "deployments", "other"] as const;
const CHANGES = ["failover", "switchover", "recovery"] as const;
const RETRIED = ["github_outbox", "webhook_url", "look", "alert"] as const;
const CALL_RESULTS = ["ok", "refused", "rate_limited", "failed"] as const;
const CHECK_RESULTS = ["ok", "failed"] as const;
const ENDS = ["succeeded", "failed", "cancelled"] as const;

/** Gauges of the library whose names say that they count, which `promtool check metrics` refuses. */
const MISNAMED = ["handles", "requests", "resources"].map((what) => `nodejs_active_${what}_total`);

export interface MetricsOptions {
  /** The name of this instance. */
  instance: string;
  /** The names of all endpoints. */
  endpoints: readonly string[];
  targets: readonly TargetConfig[];
  /** The types of the channels that alerts are sent by. */
  channels: readonly string[];
  clock: Pick<Clock, "monotonic">;
}

/**
 * The counters and histograms of this process, by Prometheus' conventions. Every label has few values: names from the
 * configuration, and fixed words. Prometheus adds up the counts of several instances.
 */
export class Metrics {
  readonly registry = new Registry();
  #measuresProcess = false;
  #targets: ReadonlySet<string>;
  #endpoints: readonly string[];
  #clock: Pick<Clock, "monotonic">;

  readonly #info = this.#gauge("twinhook_info", "Always 1; its labels say what runs here.", [
    "name",
    "version",
  ]);
  readonly #deliveries = this.#counter(
    "twinhook_deliveries_total",
    "Requests and events taken in durably, by the route that brought them and by what became of them (deployed, waiting, duplicate, superseded, ignored).",
    ["source", "outcome"],
  );
  readonly #others = this.#counter(
    "twinhook_other_events_total",
    "Events of GitHub's that deploy nothing and are not noted, by name; those that are not expected are other.",
    ["event"],
  );
  readonly #refused = this.#counter(
    "twinhook_requests_refused_total",
    "Requests refused, by entrance (webhook, deployments, other) and cause.",
    ["entrance", "cause"],
  );
  readonly #verified = this.#counter(
    "twinhook_verifications_total",
    "Deployments of which an Action was told that they are as it asked for.",
  );
  readonly #trigger = this.#histogram(
    "twinhook_deployment_trigger_seconds",
    "From taking a request in to the start of its command, waiting for others included.",
    SLOW,
    ["repository", "target"],
  );
  readonly #duration = this.#histogram(
    "twinhook_deployment_duration_seconds",
    "How long commands ran, by how they ended; on all instances, since this one began.",
    SLOW,
    ["repository", "target", "status"],
  );
  readonly #verify = this.#histogram(
    "twinhook_verify_seconds",
    "How long sites were asked whether they show a deployment, by result (succeeded, failed, cancelled); on all instances, since this one began.",
    SLOW,
    ["result"],
  );
  readonly #checks = this.#counter(
    "twinhook_endpoint_checks_total",
    "Checks of an endpoint by this instance, by result (ok, failed).",
    ["endpoint", "result"],
  );
  readonly #checkTime = this.#histogram(
    "twinhook_endpoint_check_duration_seconds",
    "How long an endpoint took to answer a check.",
    FAST,
    ["endpoint"],
  );
  readonly #failovers = this.#counter(
    "twinhook_failovers_total",
    "Changes of the active endpoint that this instance decided, by kind (failover, switchover, recovery) and by the endpoint that was left.",
    ["kind", "from"],
  );
  readonly #failoverTime = this.#histogram(
    "twinhook_failover_duration_seconds",
    "From the detection of the cause until GitHub had taken the new URL.",
    [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 900, 3600, 10_800, 43_200],
    ["kind"],
  );
  readonly #deviations = this.#counter(
    "twinhook_webhook_deviations_total",
    "How often someone else had changed the webhook at GitHub.",
  );
  readonly #found = this.#counter(
    "twinhook_catch_up_found_total",
    "Requests that had not arrived and were found at GitHub.",
  );
  readonly #caughtUp = this.#counter(
    "twinhook_catch_up_accepted_total",
    "Of those that were found, the ones that are deployed; newer runs overtook the others.",
  );
  readonly #retries = this.#counter(
    "twinhook_retries_total",
    "Repetitions after a failure, by what failed (github_outbox, webhook_url, look, alert).",
    ["operation"],
  );
  readonly #told = this.#counter(
    "twinhook_alert_messages_total",
    "Messages with alerts that were sent, by the type of the channel.",
    ["channel"],
  );
  readonly #githubCalls = this.#counter(
    "twinhook_github_requests_total",
    "Calls to GitHub, by what came of them (ok, refused, rate_limited, failed).",
    ["result"],
  );
  readonly #rateLimits = new RateLimitGauges(this.registry, () => this.#clock.monotonic());
  readonly #commits = this.#histogram(
    "twinhook_store_commit_duration_seconds",
    "How long durable commits took.",
    FAST,
  );
  readonly #storeFailures = this.#counter(
    "twinhook_store_failures_total",
    "Commits that the store could not make, by cause.",
    ["cause"],
  );

  constructor({ instance, endpoints, targets, channels, clock }: MetricsOptions) {
    this.#targets = new Set(targets.map(({ repository, name }) => `${repositoryKey(repository)} ${name}`));
    this.#endpoints = endpoints;
    this.#clock = clock;
    this.#info.set({ name: instance, version: VERSION }, 1);
    // What has not happened yet shows as 0, so that its first time is a change that rules can see.
    startAtZero(this.#deliveries, { source: DEPLOYMENT_SOURCES, outcome: DELIVERY_OUTCOMES });
    startAtZero(this.#others, { event: [...KNOWN_EVENTS, OTHER] });
    startAtZero(this.#refused, { entrance: ENTRANCES, cause: REFUSAL_CAUSES });
    startAtZero(this.#verify, { result: ENDS });
    startAtZero(this.#checks, { endpoint: endpoints, result: CHECK_RESULTS });
    startAtZero(this.#checkTime, { endpoint: endpoints });
    startAtZero(this.#failovers, { kind: CHANGES, from: endpoints });
    startAtZero(this.#failoverTime, { kind: CHANGES });
    startAtZero(this.#retries, { operation: RETRIED });
    startAtZero(this.#told, { channel: channels });
    startAtZero(this.#githubCalls, { result: CALL_RESULTS });
    startAtZero(this.#storeFailures, { cause: UNAVAILABLE_CAUSES });
    for (const { repository, name } of targets) {
      const labels = { repository: [repositoryKey(repository)], target: [name] };
      startAtZero(this.#trigger, labels);
      startAtZero(this.#duration, { ...labels, status: ENDS });
    }
  }

  /**
   * All metrics, as Prometheus reads them. Those of the process itself begin with the first call: they measure the lag
   * of the event loop by waking the process a hundred times a second.
   */
  text(): Promise<string> {
    if (!this.#measuresProcess) {
      this.#measuresProcess = true;
      collectDefaultMetrics({ register: this.registry });
      for (const name of MISNAMED) this.registry.removeSingleMetric(name);
    }
    return this.registry.metrics();
  }

  accepted({ source }: Arrival, { outcome, conflict }: Accepted): void {
    // A conflict is refused, and counted as a refusal.
    if (conflict === null) this.#deliveries.inc({ source, outcome });
  }

  /** An event of a kind that deploys nothing arrived. */
  counted(event: string): void {
    this.#others.inc({ event: boundedLabel(event, KNOWN_EVENTS) });
  }

  refused(entrance: (typeof ENTRANCES)[number], status: number): void {
    this.#refused.inc({ entrance, cause: refusalCause(status) });
  }

  verified(): void {
    this.#verified.inc();
  }

  /** A runner of this instance has started a command. */
  progress(progress: RunProgress): void {
    if (progress.type === "started" && progress.attempt === 1 && progress.waitedMs !== null)
      this.#trigger.observe(
        this.#labelsOf(progress.repository, progress.target),
        Math.max(0, progress.waitedMs) / 1000,
      );
  }

  /** The command of a deployment has ended, on any instance. */
  ended({ repository, target, status, ranMs, verifiedMs }: EndedDeployment): void {
    this.#duration.observe({ ...this.#labelsOf(repository, target), status }, ranMs / 1000);
    if (verifiedMs !== null) this.#verify.observe({ result: status }, verifiedMs / 1000);
  }

  checked(endpoint: string, ok: boolean, ms: number): void {
    this.#checks.inc({ endpoint, result: ok ? "ok" : "failed" });
    if (ok) this.#checkTime.observe({ endpoint }, ms / 1000);
  }

  happened(event: BusEvent): void {
    if (event.type === "failover") {
      const from = boundedLabel(event.from, this.#endpoints);
      this.#failovers.inc({ kind: event.kind, from });
    } else if (event.type === "webhook_switched")
      this.#failoverTime.observe({ kind: event.kind }, event.durationMs / 1000);
    else if (event.type === "webhook_deviated") this.#deviations.inc();
    else if (event.type === "catch_up") {
      this.#found.inc(event.found);
      this.#caughtUp.inc(event.accepted);
    } else if (event.type === "retry") this.retried(event.operation);
  }

  retried(operation: (typeof RETRIED)[number]): void {
    this.#retries.inc({ operation });
  }

  told(channel: string): void {
    this.#told.inc({ channel });
  }

  called({ credential, result, rateLimit }: GitHubCall): void {
    this.#githubCalls.inc({ result });
    if (rateLimit) this.#rateLimits.record(credential, rateLimit);
  }

  committed(ms: number): void {
    this.#commits.observe(ms / 1000);
  }

  storeFailed(cause: string): void {
    this.#storeFailures.inc({ cause });
  }

  #labelsOf(repository: string, target: string): { repository: string; target: string } {
    const key = repositoryKey(repository);
    return this.#targets.has(`${key} ${target}`)
      ? { repository: key, target }
      : { repository: OTHER, target: OTHER };
  }

  #counter<L extends string = never>(name: string, help: string, labelNames: L[] = []): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #gauge<L extends string>(name: string, help: string, labelNames: L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram<L extends string = never>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: L[] = [],
  ): Histogram<L> {
    return new Histogram({ name, help, buckets, labelNames, registers: [this.registry] });
  }
}
