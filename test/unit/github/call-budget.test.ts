import { describe, expect, it } from "vitest";
import { CallBudget, placesToScan } from "../../../app/github/call-budget.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";

const MINUTE_MS = 60_000;
const answer = (remaining: number, limit = 5_000) => ({
  account: "acme",
  result: "ok" as const,
  rateLimit: { resource: "core", limit, remaining, resetInMs: 20 * MINUTE_MS },
});

/** Scans so many places for so many minutes, and tells in which minutes each was scanned. */
function scan(count: number, options: { everyMs: number; callsPerHour: number | null; minutes: number }) {
  const places = Array.from({ length: count }, (_, index) => index);
  const scanned = new Map<number, number[]>();
  for (let minute = 0; minute < options.minutes; minute += options.everyMs / MINUTE_MS)
    for (const place of placesToScan({
      ...options,
      places,
      scannedAt: (one) => {
        const last = scanned.get(one)?.at(-1);
        return last === undefined ? null : last * MINUTE_MS;
      },
      now: minute * MINUTE_MS,
      all: minute === 0,
    }))
      scanned.set(place, [...(scanned.get(place) ?? []), minute]);
  const gaps = [...scanned.values()].flatMap((at) => at.slice(1).map((one, index) => one - (at[index] ?? 0)));
  return { calls: [...scanned.values()].flat().length, scanned, longest: Math.max(0, ...gaps) };
}

describe("the calls that are left of an hour", () => {
  it("are GitHub's smallest limit until it says another", () => {
    const budget = new CallBudget(new ManualClock());
    expect(budget.limitOf("acme")).toBe(5_000);
    budget.note(answer(14_000, 15_000));
    expect(budget.limitOf("acme")).toBe(15_000);
  });

  it("are kept for what somebody waits for once a fifth is left, until the next hour", () => {
    const clock = new ManualClock();
    const budget = new CallBudget(clock);
    budget.note(answer(1_000));
    expect(budget.restOf("acme")).toBe(0);
    budget.note(answer(999));
    expect(budget.restOf("acme")).toBe(20 * MINUTE_MS);
    expect(() => budget.checkRest("acme")).toThrow(/retry in 1200 s/);
    clock.ms += 20 * MINUTE_MS;
    expect(budget.restOf("acme")).toBe(0);
  });

  it("are counted for each account by itself", () => {
    const budget = new CallBudget(new ManualClock());
    budget.note(answer(1));
    expect(budget.restOf("app")).toBe(0);
    expect(budget.restOf("other")).toBe(0);
  });

  it("are without limit where GitHub tells of none, unless it was a failure that did not tell", () => {
    const budget = new CallBudget(new ManualClock());
    budget.note({ account: "acme", result: "failed", rateLimit: null });
    expect(budget.limitOf("acme")).toBe(5_000);
    budget.note({ account: "acme", result: "ok", rateLimit: null });
    expect(budget.limitOf("acme")).toBeNull();
    expect(budget.restOf("acme")).toBe(0);
  });
});

describe("the places that are scanned", () => {
  it.each([
    [1, 60, 1],
    [10, 600, 1],
    [100, 600, 10],
    [1_000, 600, 100],
  ])(
    "%i times one a minute, with 600 calls an hour: %i calls in an hour, each within %i minutes",
    (count, calls, within) => {
      const options = { everyMs: MINUTE_MS, callsPerHour: 600 };
      expect(scan(count, { ...options, minutes: 60 }).calls).toBeLessThanOrEqual(calls);
      const { scanned, longest } = scan(count, { ...options, minutes: 300 });
      expect(scanned.size).toBe(count);
      expect(longest).toBeLessThanOrEqual(within);
    },
  );

  it("are all of them each time where nothing limits the calls", () => {
    const { calls, longest } = scan(1_000, { everyMs: MINUTE_MS, callsPerHour: null, minutes: 5 });
    expect({ calls, longest }).toEqual({ calls: 5_000, longest: 1 });
  });

  it("are those that have waited longest, also when all are asked for", () => {
    const now = 1_000 * MINUTE_MS;
    const places = [5, 80, 30, 200];
    const plan = { places, now, everyMs: MINUTE_MS, scannedAt: (age: number) => now - age * MINUTE_MS };
    expect(placesToScan({ ...plan, callsPerHour: 18, all: true })).toEqual([200, 80]);
  });

  it("are due when a clock that was set back says that they were scanned in a time to come", () => {
    const plan = { places: ["site"], now: 0, everyMs: MINUTE_MS, callsPerHour: 600, all: false };
    expect(placesToScan({ ...plan, scannedAt: () => 60 * MINUTE_MS })).toEqual(["site"]);
  });
});
