import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import { drawHistory } from "../../campaign/end-to-end/history.ts";
import { hunt } from "../../campaign/end-to-end/planted-rounds.ts";
import type { RoundOptions } from "../../campaign/end-to-end/round.ts";
import { RULE_NAMES } from "../../campaign/end-to-end/rules.ts";
import { PLANTED_BUGS, type PlantedBug } from "../../campaign/planted/bugs.ts";
import { replaceOnce } from "../../campaign/planted/plant.ts";

const OWN = "P4: its own rule";
const BUG: PlantedBug = { name: "a-bug", says: "it is wrong", brokenBy: [OWN], bias: {}, changes: [] };
const PLANTED_MAIN = "/planted/app/main.ts";
const OPTIONS = {
  seed: 3,
  lengthMs: 10_000,
  minutes: 1,
  shrinkMinutes: 0,
  atOnce: 1,
  keep: false,
  verbose: false,
  signal: new AbortController().signal,
};

/** Plays rounds that break these rules: by seed with the bug, and in the control. */
function rounds(planted: Record<number, string[]>, control: string[] = []) {
  vi.spyOn(console, "log").mockImplementation(() => {});
  const played: RoundOptions[] = [];
  return {
    played,
    plant: async () => ({ main: PLANTED_MAIN, remove() {} }),
    runRound: async (round: RoundOptions) => {
      played.push(round);
      const rules = round.main === PLANTED_MAIN ? (planted[round.seed] ?? []) : control;
      return { violations: rules.map((rule) => ({ rule, evidence: [] })) };
    },
  };
}

test("a bug is caught by its own rule alone; a history that breaks another one is followed by the next seed", async () => {
  const parts = rounds({ 3: ["P1: another rule"], 4: ["P1: another rule", OWN] });
  const caught = await hunt(BUG, OPTIONS, parts);
  expect(caught).toMatchObject({ verdict: "caught", rule: OWN, seed: 4, rounds: 2 });
});

test("a shortened history is played again with the same seed until it shows the bug", async () => {
  const only = { faults: new Set([1]), runs: new Set([7]) };
  const parts = rounds({ 3: [] });
  let played = 0;
  const runRound = async (round: RoundOptions) => {
    const shows = round.main === PLANTED_MAIN && ++played === 2;
    return shows ? { violations: [{ rule: OWN, evidence: [] }] } : parts.runRound(round);
  };
  const caught = await hunt(BUG, { ...OPTIONS, only }, { ...parts, runRound });
  expect(caught).toMatchObject({ verdict: "caught", seed: 3, rounds: 2 });
  for (const round of parts.played) expect(round).toMatchObject({ seed: 3, only });
});

test("the same history is played without the bug, and only if it breaks no rule there, the bug is caught", async () => {
  const parts = rounds({ 3: [OWN] }, ["P8: any rule"]);
  expect(await hunt(BUG, OPTIONS, parts)).toMatchObject({ verdict: "CONTROL NOT CLEAN" });
  const [planted, control] = parts.played as [RoundOptions, RoundOptions];
  expect(parts.played.length).toBe(2);
  expect(control.main).toBeUndefined();
  expect([control.seed, control.lengthMs, control.bias]).toEqual([
    planted.seed,
    planted.lengthMs,
    planted.bias,
  ]);
});

test("a bug that breaks none of its rules until the time is up is not caught", async () => {
  const parts = rounds({});
  expect(await hunt(BUG, { ...OPTIONS, minutes: -1 }, parts)).toMatchObject({
    verdict: "NOT CAUGHT",
    rule: "",
  });
});

test("each planted bug names the rules that it breaks", () => {
  for (const { brokenBy } of PLANTED_BUGS) {
    expect(brokenBy.length).toBeGreaterThan(0);
    for (const rule of brokenBy) expect(RULE_NAMES).toContain(rule);
  }
});

test("the history of a planted bug has the faults that it names, and no others", () => {
  for (const { bias } of PLANTED_BUGS) {
    const drawn = drawHistory(1, 10_000, bias).faults.map(({ what }) => what);
    const named = (bias.scenes ?? []).flat().map(({ what }) => what);
    expect(named).toEqual(expect.arrayContaining(drawn));
    expect(drawn.length > 0).toBe(named.length > 0);
  }
});

test("each planted bug still finds the text that it replaces", () => {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  for (const { name, changes } of PLANTED_BUGS)
    for (const { file, from, to } of changes) {
      const text = readFileSync(root + file, "utf8");
      expect(replaceOnce(text, from, to, `${name}: ${file}`)).not.toBe(text);
    }
});
