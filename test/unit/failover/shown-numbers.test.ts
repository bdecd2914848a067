import { describe, expect, it } from "vitest";
import { configSchema } from "../../../app/config/schema.ts";
import { SAMPLE_MS } from "../../../app/failover/health-record.ts";
import { HealthWindow, shownRate } from "../../../app/failover/health-window.ts";
import { measured } from "../../../app/pages/overview/read-overview.ts";
import { elapsed } from "../../../app/pages/parts/time.ts";
import { counted } from "../../../shared/counted.ts";

const { failover: thresholds } = configSchema.parse({
  instances: [{ name: "primary", url: "http://127.0.0.1:1", listen: "127.0.0.1:1" }],
});

describe("a number that is shown", () => {
  it("is below the limit where the rate is below it", () => {
    const window = new HealthWindow({ ...thresholds, window: 3_600_000 });
    // 1,899 of 2,000 is 94.95 %.
    for (let check = 0; check < 2_000; check++)
      if (check % 20 === 5 || check === 7) window.failed(check, 1, "no answer");
      else window.succeeded(check, 1);
    const { status, reason } = window.health(2_000);
    expect(status).toBe("degraded");
    expect(reason).toBe("only 94.9 % of its checks succeed (limit 95 %)");
    expect(shownRate(94.96)).toBe(94.9);
  });

  it("is above the limit where the average is above it", () => {
    const window = new HealthWindow(thresholds);
    for (let check = 0; check < 30; check++) window.succeeded(check, 5_000.2);
    expect(window.health(30).reason).toBe("it answers in 5001 ms on average (limit 5000 ms)");
  });

  it("counts one thing as one", () => {
    expect([counted(0, "target"), counted(1, "target"), counted(2, "target")]).toEqual([
      "0 targets",
      "1 target",
      "2 targets",
    ]);
    const window = new HealthWindow({ ...thresholds, failover_threshold: 1 });
    window.succeeded(0, 1);
    window.failed(1, 1, "no answer");
    expect(window.health(1).reason).toBe("1 check in a row failed: no answer");
  });

  it("is no time of 0", () => {
    expect(String(elapsed(1_000, 1_400))).toContain(">less than 1 s<");
    expect(String(elapsed(1_000, 3_000))).toContain(">2 s<");
  });

  it("speaks for the status beside it: what was measured before does not count", () => {
    const sample = (at: number, failed: number) => ({
      at,
      endpoint: "primary",
      average_ms: 2,
      succeeded: 20 - failed,
      failed,
    });
    const samples = [sample(10_000, 20), sample(20_000, 5), sample(30_000, 0), sample(40_000, 0)];
    expect(measured(samples, 15_000)).toEqual({ averageMs: 2, successRate: 100 });
    expect(measured(samples, 40_000 - SAMPLE_MS + 1)).toEqual({ averageMs: null, successRate: null });
  });

  it("is left out while the checks are too few to judge by", () => {
    const few = [{ at: 20_000, endpoint: "primary", average_ms: 2, succeeded: 14, failed: 1 }];
    expect(measured(few, 0)).toEqual({ averageMs: 2, successRate: null });
  });
});
