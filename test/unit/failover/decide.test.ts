import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { configSchema } from "../../../app/config/schema.ts";
import {
  type Decision,
  decide,
  type ObservedEndpoint,
  RECOVERY_PAUSE_MS,
  type Situation,
} from "../../../app/failover/decide.ts";
import { type Health, type HealthStatus, HealthWindow } from "../../../app/failover/health-window.ts";

const { failover: thresholds } = configSchema.parse({
  instances: [{ name: "primary", url: "http://127.0.0.1:1", listen: "127.0.0.1:1" }],
});
const NOW = 1_000_000;

function health(status: HealthStatus, changes: Partial<Health> = {}): Health {
  return {
    status,
    consecutiveFailures: status === "unhealthy" ? 3 : 0,
    consecutiveSuccesses: status === "healthy" ? 10 : 0,
    averageMs: 3,
    p95Ms: 5,
    successRate: 100,
    samples: 60,
    lastUnhealthyAt: status === "unhealthy" ? NOW : null,
    unhealthySince: status === "unhealthy" ? NOW - 1_000 : null,
    outOfReachUntil: null,
    storeFails: false,
    shutDown: false,
    stale: false,
    reason: "as the test says",
    ...changes,
  };
}
const endpoint = (name: string, status: HealthStatus, changes: Partial<Health> = {}): ObservedEndpoint => ({
  name,
  health: health(status, changes),
});
const situation = (endpoints: ObservedEndpoint[], changes: Partial<Situation> = {}): Situation => ({
  endpoints,
  active: "primary",
  pinned: null,
  forced: false,
  thresholds,
  now: NOW,
  grace: false,
  ...changes,
});
const short = (decision: Decision) =>
  decision.kind === "stay" ? (decision.allDown ? "all down" : "stay") : `${decision.kind} to ${decision.to}`;

describe("the decision", () => {
  it.each<[string, HealthStatus, HealthStatus, string, string]>([
    ["stays while both are well", "healthy", "healthy", "primary", "stay"],
    ["fails over from a dead endpoint", "unhealthy", "healthy", "primary", "failover to backup"],
    [
      "fails over from a dead endpoint to a degraded one",
      "unhealthy",
      "degraded",
      "primary",
      "failover to backup",
    ],
    [
      "fails over from a degraded endpoint to a healthy one",
      "degraded",
      "healthy",
      "primary",
      "failover to backup",
    ],
    ["stays when both are degraded", "degraded", "degraded", "primary", "stay"],
    ["keeps the URL when all are down", "unhealthy", "unhealthy", "primary", "all down"],
    ["does not move to one that was never seen", "unhealthy", "unknown", "primary", "all down"],
    ["recovers to the preferred endpoint", "healthy", "healthy", "backup", "recovery to primary"],
    ["does not recover to a degraded endpoint", "degraded", "healthy", "backup", "stay"],
    ["leaves an active endpoint that was never seen", "unknown", "healthy", "primary", "failover to backup"],
  ])("%s", (_, primary, backup, active, expected) => {
    expect(
      short(decide(situation([endpoint("primary", primary), endpoint("backup", backup)], { active }))),
    ).toBe(expected);
  });

  it("switches over from an instance that is being stopped: that was planned", () => {
    const stopped = endpoint("primary", "unhealthy", { shutDown: true, reason: "it is shutting down" });
    const decision = decide(situation([stopped, endpoint("backup", "healthy")]));
    expect(decision).toMatchObject({
      kind: "switchover",
      to: "backup",
      reason: "primary is stopped: it is shutting down",
    });
  });

  it("stays, and misses nobody, when all instances were stopped", () => {
    const both = ["primary", "backup"].map((name) => endpoint(name, "unhealthy", { shutDown: true }));
    expect(short(decide(situation(both)))).toBe("stay");
  });

  it("waits for an endpoint that it has had no time to see", () => {
    const endpoints = [endpoint("primary", "unknown"), endpoint("backup", "healthy")];
    expect(short(decide(situation(endpoints, { grace: true })))).toBe("stay");
  });

  it.each<[string, Partial<Health>]>([
    ["until it succeeded often enough in a row", { consecutiveSuccesses: 4 }],
    ["while it answers too slowly", { averageMs: 2_500 }],
    ["while too many of its checks fail", { successRate: 97 }],
    ["shortly after it was down", { lastUnhealthyAt: NOW - RECOVERY_PAUSE_MS + 1 }],
    ["while GitHub is taken not to reach it", { outOfReachUntil: NOW + 1 }],
  ])("does not recover %s", (_, changes) => {
    const endpoints = [endpoint("primary", "healthy", changes), endpoint("backup", "healthy")];
    expect(short(decide(situation(endpoints, { active: "backup" })))).toBe("stay");
  });

  it("does not leave a degraded endpoint for one that was down a moment ago, but leaves a dead one for it", () => {
    const shaky = endpoint("backup", "healthy", { lastUnhealthyAt: NOW - 1_000 });
    expect(short(decide(situation([endpoint("primary", "degraded"), shaky])))).toBe("stay");
    expect(short(decide(situation([endpoint("primary", "unhealthy"), shaky])))).toBe("failover to backup");
  });

  it("takes the most preferred of several backups that are equally well", () => {
    const endpoints = [
      endpoint("primary", "unhealthy"),
      endpoint("second", "degraded"),
      endpoint("third", "healthy"),
      endpoint("fourth", "healthy"),
    ];
    expect(short(decide(situation(endpoints)))).toBe("failover to third");
  });

  it("holds a pinned endpoint against recovery, and gives the pin up when it is down and another is up", () => {
    const both = [endpoint("primary", "healthy"), endpoint("backup", "healthy")];
    expect(short(decide(situation(both, { active: "backup", pinned: "backup" })))).toBe("stay");
    expect(short(decide(situation(both, { pinned: "backup" })))).toBe("switchover to backup");
    const dead = [endpoint("primary", "healthy"), endpoint("backup", "unhealthy")];
    const decision = decide(situation(dead, { active: "backup", pinned: "backup" }));
    expect(decision).toMatchObject({ kind: "failover", to: "primary", dropPin: true });
    const allDead = [endpoint("primary", "unhealthy"), endpoint("backup", "unhealthy")];
    expect(short(decide(situation(allDead, { active: "backup", pinned: "backup" })))).toBe("all down");
  });

  it("gives up a pin on an endpoint that went down before it became the active one", () => {
    const dead = [endpoint("primary", "healthy"), endpoint("backup", "unhealthy")];
    expect(decide(situation(dead, { pinned: "backup" }))).toMatchObject({ kind: "stay", dropPin: true });
  });

  it("obeys a forced pin on an endpoint that is down, and keeps to it", () => {
    const dead = [endpoint("primary", "healthy"), endpoint("backup", "unhealthy")];
    const forced = { pinned: "backup", forced: true };
    expect(decide(situation(dead, forced))).toMatchObject({ kind: "switchover", to: "backup" });
    const after = decide(situation(dead, { ...forced, active: "backup" }));
    expect(after).toMatchObject({ kind: "stay", allDown: false, dropPin: false });
  });

  it("goes back ever less often to an endpoint that is well from here and that GitHub cannot reach", () => {
    const windows = ["primary", "backup"].map((name) => ({ name, window: new HealthWindow(thresholds) }));
    let active = "primary";
    const wentBackAt: number[] = [];
    for (let now = 0; now < 4 * 60 * 60_000; now += 1_000) {
      for (const { name, window } of windows) {
        window.succeeded(now, 3);
        if (name === active) window.delivered(now, name === "backup", 3);
      }
      const endpoints = windows.map(({ name, window }) => ({ name, health: window.health(now) }));
      const decision = decide(situation(endpoints, { active, now }));
      if (decision.kind === "stay") continue;
      if (decision.kind === "recovery") wentBackAt.push(Math.floor(now / 60_000));
      active = decision.to;
    }
    expect(active).toBe("backup");
    expect(wentBackAt).toEqual([5, 15, 35, 75, 135, 195]);
  });

  it("moves away from an endpoint that is not configured any more", () => {
    expect(short(decide(situation([endpoint("primary", "healthy")], { active: "gone" })))).toBe(
      "failover to primary",
    );
  });
});

const rank: Record<HealthStatus, number> = { healthy: 0, degraded: 1, unknown: 2, unhealthy: 2 };
const statuses: HealthStatus[] = ["healthy", "degraded", "unhealthy", "unknown"];
const anyHealth = fc
  .record({
    status: fc.constantFrom(...statuses),
    consecutiveSuccesses: fc.nat(20),
    averageMs: fc.option(fc.nat(8_000)),
    successRate: fc.option(fc.nat(100)),
    samples: fc.nat(120),
    lastUnhealthyAt: fc.option(fc.nat(60_000).map((ago) => NOW - ago)),
    outOfReachUntil: fc.option(fc.integer({ min: NOW - 60_000, max: NOW + 60_000 })),
  })
  .map(({ status, ...rest }) => health(status, rest));
const anySituation = fc
  .record({
    healths: fc.array(anyHealth, { minLength: 1, maxLength: 5 }),
    active: fc.nat(4),
    pinned: fc.option(fc.nat(4)),
    forced: fc.boolean(),
    grace: fc.boolean(),
  })
  .map(({ healths, active, pinned, forced, grace }) => {
    const endpoints = healths.map((h, i) => ({ name: `e${i}`, health: h }));
    const name = (i: number) => `e${i % healths.length}`;
    return situation(endpoints, {
      active: name(active),
      pinned: pinned === null ? null : name(pinned),
      forced,
      grace,
    });
  });

describe("whatever the situation, the decision", () => {
  it("never fails over to an endpoint that is not strictly better", () => {
    fc.assert(
      fc.property(anySituation, (s) => {
        const decision = decide(s);
        if (decision.kind !== "failover") return;
        const of = (name: string) => s.endpoints.find((e) => e.name === name)?.health.status ?? "unknown";
        expect(rank[of(decision.to)]).toBeLessThan(rank[of(s.active)]);
      }),
      { numRuns: 2_000 },
    );
  });

  it("never recovers to anything but a healthy, more preferred endpoint", () => {
    fc.assert(
      fc.property(anySituation, (s) => {
        const decision = decide(s);
        if (decision.kind !== "recovery") return;
        const names = s.endpoints.map(({ name }) => name);
        expect(names.indexOf(decision.to)).toBeLessThan(names.indexOf(s.active));
        expect(s.endpoints.find(({ name }) => name === decision.to)?.health.status).toBe("healthy");
      }),
      { numRuns: 2_000 },
    );
  });

  it("has nothing to move any more once it was carried out", () => {
    fc.assert(
      fc.property(anySituation, (s) => {
        let { active, pinned } = s;
        const visited = [active];
        for (let i = 0; i <= s.endpoints.length; i++) {
          const decision = decide({ ...s, active, pinned });
          if (decision.kind === "stay") return;
          expect(visited).not.toContain(decision.to);
          active = decision.to;
          if (decision.dropPin) pinned = null;
          visited.push(active);
        }
        throw new Error("it moves for ever");
      }),
      { numRuns: 2_000 },
    );
  });

  it("leaves a dead endpoint whenever a healthy one exists and no other one is pinned", () => {
    fc.assert(
      fc.property(anySituation, (s) => {
        const current = s.endpoints.find(({ name }) => name === s.active)?.health.status;
        const healthy = s.endpoints.some(({ health: h }) => h.status === "healthy");
        if (current !== "unhealthy" || !healthy) return;
        expect(decide({ ...s, pinned: null }).kind).toBe("failover");
      }),
      { numRuns: 2_000 },
    );
  });
});
