import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { compare } from "../../bench/statistics.ts";
import { takeTurns } from "../../bench/turns.ts";

/** Numbers from 0 to 1 that look random, and are the same in every run. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

/** Rates of two subjects on a machine whose speed halves at times; `slowness` 0.2 plants 20 %. */
function rates(rounds: number, slowness: number, seed: number) {
  const next = noise(seed);
  const own: number[] = [];
  const other: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const machine = 1_000 * (0.5 + next() / 2);
    own.push((machine * (0.97 + next() * 0.06)) / (1 + slowness));
    other.push(machine * (0.97 + next() * 0.06));
  }
  return { own, other };
}

/** Work for the processor; returns the CPU time that it took (ms). */
function work(units: number): number {
  const before = process.cpuUsage();
  const block = Buffer.alloc(1 << 12);
  for (let done = 0; done < units; done++) createHash("sha256").update(block).digest();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

describe("the comparison with another build", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])("reports a slowdown of 20 % on a noisy machine (seed %i)", (seed) => {
    const { own, other } = rates(5, 0.2, seed);
    expect(compare(own, other)).toMatchObject({ verdict: "slower" });
    expect(compare(other, own)).toMatchObject({ verdict: "faster" });
  });

  it("reports no difference between equal builds more often than its confidence allows", () => {
    const wrong = Array.from({ length: 400 }, (_, seed) => rates(5, 0, seed * 7_919 + 1))
      .map(({ own, other }) => compare(own, other).verdict)
      .filter((verdict) => verdict !== "unclear");
    expect(wrong.length / 400).toBeLessThan(0.1);
  });

  it("keeps its verdict when the machine stops in a few of many rounds", () => {
    const { own, other } = rates(30, 0.2, 1);
    for (const round of [3, 11, 19]) other[round] = 1;
    expect(compare(own, other)).toMatchObject({ verdict: "slower" });
  });

  it("says nothing after too few rounds", () => {
    expect(compare([1, 1, 1], [2, 2, 2])).toMatchObject({ ratio: 0.5, verdict: "unclear" });
  });

  it("refuses rounds of one subject alone", () => {
    expect(() => compare([1, 2], [1])).toThrow("got 2 and 1");
  });

  it("goes backwards in every second round", async () => {
    const order: string[] = [];
    const results = await takeTurns(["a", "b", "c"], 2, async (subject, round) => {
      order.push(subject);
      return round;
    });
    expect(order.join("")).toBe("abccba");
    expect(results.get("c")).toEqual([0, 1]);
  });

  it("reports 20 % more work that is planted in a subject", async () => {
    work(2_000);
    const usual = { units: 1_000 };
    const planted = { units: 1_200 };
    const results = await takeTurns([planted, usual], 41, async ({ units }) => work(units));
    const found = compare(results.get(usual) as number[], results.get(planted) as number[]);
    expect(found).toMatchObject({ verdict: "slower" });
  });
});
