import { describe, expect, it } from "vitest";
import { Metrics } from "../../../app/metrics/metrics.ts";
import { parseExposition } from "../../helpers/exposition.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { metricDefinitions } from "../../helpers/metric-definitions.ts";

const TARGET = { repository: "Acme/Site", name: "production" };

function newMetrics() {
  const clock = new ManualClock();
  const metrics = new Metrics({
    instance: "primary",
    endpoints: ["primary", "backup"],
    targets: [TARGET] as never,
    channels: ["slack"],
    clock,
  });
  return { metrics, clock, read: async () => parseExposition(await metrics.text()) };
}

describe("the series of a new instance", () => {
  it("hold each counter and histogram at 0, so that a rule sees the first time", async () => {
    const { samples, types } = await newMetrics().read();
    const counting = metricDefinitions().filter(({ type }) => type !== "gauge");
    expect(counting.length).toBeGreaterThan(15);
    for (const { name } of counting) {
      const sampled = types.get(name) === "histogram" ? `${name}_count` : name;
      const values = samples.filter((sample) => sample.name === sampled).map(({ value }) => value);
      expect([name, new Set(values)]).toEqual([name, new Set([0])]);
    }
  });

  it("hold no counter of another kind, such as a gauge whose name ends in _total", async () => {
    const { types } = await newMetrics().read();
    expect([...types].filter(([name, type]) => name.endsWith("_total") && type !== "counter")).toEqual([]);
  });
});

describe("the metrics", () => {
  it("name the endpoint that a failover leaves", async () => {
    const { metrics, read } = newMetrics();
    metrics.happened({
      type: "failover",
      kind: "failover",
      ...{ from: "primary", to: "backup", reason: "", detectedAt: "", decidedAt: "" },
    });
    const { value } = await read();
    expect(value("twinhook_failovers_total", { kind: "failover", from: "primary" })).toBe(1);
    expect(value("twinhook_failovers_total", { kind: "failover", from: "backup" })).toBe(0);
  });

  it("tell the length of a failover that took hours", async () => {
    const { metrics, read } = newMetrics();
    const durationMs = 3 * 3_600_000;
    metrics.happened({
      type: "webhook_switched",
      kind: "failover",
      ...{ from: "primary", to: "backup", url: "", durationMs },
    });
    const { samples } = await read();
    const bounds = samples
      .filter(({ name, labels }) => name.endsWith("failover_duration_seconds_bucket") && labels.le !== "+Inf")
      .map(({ labels }) => Number(labels.le));
    expect(Math.max(...bounds)).toBeGreaterThanOrEqual(durationMs / 1000);
  });

  it("forget what was left of GitHub's calls once their hour is over", async () => {
    const { metrics, clock, read } = newMetrics();
    metrics.called({
      ...{ credential: "app", account: "app", result: "ok" },
      rateLimit: { resource: "core", limit: 5_000, remaining: 10, resetInMs: 60_000 },
    });
    const left = async () => (await read()).value("twinhook_github_rate_limit_remaining");
    const limit = async () => (await read()).value("twinhook_github_rate_limit");
    clock.ms = 59_999;
    expect([await left(), await limit()]).toEqual([10, 5_000]);
    clock.ms = 60_000;
    expect([await left(), await limit()]).toEqual([undefined, undefined]);
  });
});

it("an instance that nobody scrapes does not watch its event loop, which would wake it a hundred times a second", async () => {
  const { metrics, read } = newMetrics();
  const lag = () => metrics.registry.getSingleMetric("nodejs_eventloop_lag_p99_seconds");
  expect(lag()).toBeUndefined();
  await read();
  expect(lag()).toBeDefined();
});
