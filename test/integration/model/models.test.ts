import { describe, expect, it } from "vitest";
import { explore, type Model, tell } from "../../model/explorer.ts";
import { CASES, exploreCase, findPlanted } from "../../model/models.ts";

describe.each(CASES)("$title", (one) => {
  it("no interleaving breaks a rule", async () => {
    const explored = await exploreCase(one, "short");
    console.log(`${one.title}: ${explored.states} states`);
    expect(tell(explored)).toBe("no counterexample");
    expect(explored.states).toBeGreaterThanOrEqual(one.floor);
  });

  it.each(one.planted)("a planted wrong rule is found: $fault", async (planted) => {
    expect((await findPlanted(planted)).counterexample).not.toBeNull();
  });
});

describe("the explorer", () => {
  /** Two counters that are raised by one; the rule says that they are never both 2. */
  const counters: Model<[number, number]> = {
    name: "counters",
    initial: () => [0, 0],
    actions: ([a, b]) => [
      ...(a < 3 ? [{ name: "a", next: (): [number, number] => [a + 1, b] }] : []),
      ...(b < 3 ? [{ name: "b", next: (): [number, number] => [a, b + 1] }] : []),
    ],
    key: String,
    broken: () => null,
  };

  it("reaches each state once, and says that these are all", async () => {
    expect(await explore(counters)).toMatchObject({ states: 16, transitions: 24, steps: 6, complete: true });
  });

  it("tells a shortest history that breaks a rule", async () => {
    const broken = ([a, b]: [number, number]) => (a === 2 && b === 2 ? "both are 2" : null);
    const { counterexample } = await explore({ ...counters, broken });
    expect(counterexample).toEqual({ rule: "both are 2", history: ["a", "a", "b", "b"] });
  });

  it("says that a bound kept it from the rest", async () => {
    expect(await explore(counters, { mostStates: 5 })).toMatchObject({ complete: false });
    expect(await explore(counters, { mostSteps: 2 })).toMatchObject({ states: 6, complete: false });
  });
});
