import { describe, expect, it } from "vitest";
import { configSchema } from "../../../app/config/schema.ts";
import { HealthWindow } from "../../../app/failover/health-window.ts";

const { failover: thresholds } = configSchema.parse({
  instances: [{ name: "primary", url: "http://127.0.0.1:1", listen: "127.0.0.1:1" }],
});

const MINUTE_MS = 60_000;

/** A window, and checks every half second with these results; a number is a success that took so many ms. */
function checked(results: (number | "failed")[]) {
  const window = new HealthWindow(thresholds);
  let at = 0;
  for (const result of results) {
    at += 500;
    if (result === "failed") window.failed(at, 500, "no answer within 500 ms");
    else window.succeeded(at, result);
  }
  return { window, at, health: window.health(at) };
}
const times = <T>(count: number, value: T): T[] => Array(count).fill(value);

describe("an endpoint", () => {
  it("is unknown until it was seen up for the first time, however often it failed", () => {
    expect(checked([]).health.status).toBe("unknown");
    const { health } = checked(times<"failed">(10, "failed"));
    expect(health).toMatchObject({ status: "unknown", consecutiveFailures: 10, unhealthySince: null });
    expect(health.reason).toContain("no answer within 500 ms");
  });

  it("was shut down, and did not die, once it is not heard any more; until it answers again", () => {
    const { window, at } = checked([3, 3]);
    window.leaving(at, true);
    window.lost();
    window.died(at + 10, "its process is gone");
    expect(window.health(at + 10)).toMatchObject({
      status: "unhealthy",
      shutDown: true,
      reason: "it was shut down",
    });
    expect(window.isLeaving).toBe(false);
    window.succeeded(at + 500, 3);
    expect(window.health(at + 500)).toMatchObject({ status: "healthy", shutDown: false });
  });

  it("counts as unhealthy while it says that it is shutting down, although it answers", () => {
    const { window, at } = checked([3, 3]);
    window.leaving(at, true);
    window.succeeded(at + 500, 3);
    const health = window.health(at + 500);
    expect(health).toMatchObject({ status: "unhealthy", reason: "it is shutting down", unhealthySince: at });
    window.leaving(at + 600, false);
    expect(window.health(at + 600).status).toBe("healthy");
  });

  it("is healthy from its first success", () => {
    expect(checked([3]).health).toMatchObject({ status: "healthy", consecutiveSuccesses: 1, averageMs: 3 });
  });

  it("is unhealthy after three failures in a row, and not after two", () => {
    expect(checked([3, "failed", "failed"]).health.status).toBe("healthy");
    const { health, at } = checked([3, "failed", "failed", "failed"]);
    expect(health).toMatchObject({ status: "unhealthy", consecutiveFailures: 3, unhealthySince: at });
    expect(health.reason).toMatch(/3 checks in a row failed: no answer within 500 ms/);
  });

  it("is unhealthy at once when its process is gone, until it answers again", () => {
    const { window, at } = checked([3, 3]);
    window.died(at + 1, "its process is gone");
    expect(window.health(at + 1)).toMatchObject({ status: "unhealthy", reason: "its process is gone" });
    window.succeeded(at + 600, 3);
    expect(window.health(at + 600)).toMatchObject({
      status: "healthy",
      lastUnhealthyAt: at + 1,
      unhealthySince: null,
    });
  });

  it("begins anew with a new process: what failed before that was up counts no more", () => {
    expect(checked([...times<"failed">(30, "failed"), 3]).health).toMatchObject({
      status: "healthy",
      samples: 1,
    });
    const { window, at } = checked(times(30, 3));
    window.died(at, "its process is gone");
    for (let i = 1; i <= 30; i++) window.failed(at + i * 500, 1, "ECONNREFUSED");
    window.succeeded(at + 15_500, 3);
    expect(window.health(at + 15_500)).toMatchObject({ status: "healthy", successRate: 100 });
  });

  it("keeps what failed while it hung", () => {
    const results = [...times(30, 3), ...times<"failed">(5, "failed"), 3];
    expect(checked(results).health).toMatchObject({ status: "degraded", samples: 36 });
  });

  it("is degraded by its average, from 20 samples on", () => {
    expect(checked(times(19, 6_000)).health.status).toBe("healthy");
    expect(checked(times(20, 6_000)).health).toMatchObject({ status: "degraded", averageMs: 6_000 });
  });

  it("is degraded by its success rate, from 20 samples on", () => {
    const results = [...times(10, 3), "failed" as const, ...times(4, 3), "failed" as const, 3];
    expect(checked(results).health.status).toBe("healthy");
    expect(checked([...results, ...times(4, 3)]).health.status).toBe("degraded");
  });

  it("counts what GitHub's own log says of its deliveries", () => {
    const { window, at } = checked(times(30, 3));
    for (let i = 0; i < 3; i++) window.delivered(at, false, 10_000);
    expect(window.health(at).status).toBe("degraded");
    expect(window.health(at).consecutiveSuccesses).toBe(30);
  });

  it("is taken to be out of GitHub's reach once deliveries failed that its checks do not explain", () => {
    const { window, at } = checked(times(30, 3));
    window.delivered(at, false, 10_000);
    expect(window.health(at).outOfReachUntil).toBeNull();
    window.delivered(at, false, 10_000);
    window.delivered(at + 1_000, false, 10_000);
    expect(window.health(at)).toMatchObject({ status: "degraded", outOfReachUntil: at + 5 * MINUTE_MS });

    const slow = checked([...times(30, 3), ...times<"failed">(2, "failed"), 3]);
    slow.window.delivered(slow.at, false, 10_000);
    expect(slow.window.health(slow.at)).toMatchObject({ status: "degraded", outOfReachUntil: null });
  });

  it("is out of GitHub's reach for twice as long when it happens again, and not after hours of peace", () => {
    const window = new HealthWindow(thresholds);
    const failAt = (at: number) => {
      for (let i = 30; i > 0; i--) window.succeeded(at - i * 500, 3);
      for (let i = 0; i < 3; i++) window.delivered(at, false, 10_000);
      return ((window.health(at).outOfReachUntil ?? 0) - at) / MINUTE_MS;
    };
    expect([0, 10, 30, 60, 120, 200, 1_000].map((minutes) => failAt(minutes * MINUTE_MS))).toEqual([
      5, 10, 20, 40, 60, 60, 5,
    ]);
    // What fails before the time is over does not make it longer.
    expect(failAt(1_003 * MINUTE_MS)).toBe(2);
  });

  it("forgets what is older than the window", () => {
    const { window, at } = checked(times(30, 6_000));
    for (let i = 1; i <= 121; i++) window.succeeded(at + i * 500, 3);
    expect(window.health(at + 60_500)).toMatchObject({ status: "healthy", averageMs: 3, successRate: 100 });
  });

  it("tells the slow checks from the average by its 95th percentile", () => {
    expect(checked([...times(90, 2), ...times(10, 100)]).health.p95Ms).toBe(100);
  });
});
