import { describe, expect, it } from "vitest";
import { describeGap, describeWait, firstUnresolved, gapBefore } from "../../../app/queue/claim/barrier.ts";

describe("the gap before a run", () => {
  it.each([
    ["the next number has none", 42, 41, [], null],
    ["the first run of a workflow has none", 1, null, [], null],
    ["a re-run of the mark's run has none", 41, 41, [], null],
    ["an older number has none", 40, 41, [], null],
    ["a number between is missing", 43, 41, [], [[42, 42]]],
    ["a number that is accounted for is not", 43, 41, [42], null],
    ["numbers beyond it do not matter", 43, 41, [42, 44, 45], null],
    [
      "what is known splits it",
      50,
      41,
      [44, 45, 48],
      [
        [42, 43],
        [46, 47],
        [49, 49],
      ],
    ],
    ["where nothing began yet, all earlier ones are missing", 3, null, [1], [[2, 2]]],
    ["a number that nobody believes is one range", 10 ** 15, 41, [], [[42, 10 ** 15 - 1]]],
  ])("%s", (_, number, base, accounted, missing) => {
    expect(gapBefore(number, base, accounted)?.missing ?? null).toEqual(missing);
  });

  it("is sure only where a run is known to have begun", () => {
    expect([gapBefore(9, 5, [])?.sure, gapBefore(9, null, [])?.sure]).toEqual([true, false]);
  });

  it("ends at the first number that nobody knows, however many there are", () => {
    const gap = { missing: [[42, 10 ** 15]] as [number, number][], sure: true };
    expect(firstUnresolved(gap, (number) => number < 45)).toBe(45);
    expect(firstUnresolved({ ...gap, missing: [[42, 44]] }, (number) => number < 45)).toBeNull();
  });

  it("is told in words", () => {
    const words = (number: number, base: number | null, accounted: number[] = []) => {
      const gap = gapBefore(number, base, accounted);
      return gap && describeGap(gap, number);
    };
    expect(words(43, 41)).toBe("run #42");
    expect(words(45, 41)).toBe("runs #42 to #44");
    expect(words(45, 41, [43])).toBe("some of the runs #42 to #44");
    expect(words(45, null)).toBe("the runs before #45");
    expect(describeWait("run #42", ".github/workflows/ci.yml", "GitHub does not answer")).toBe(
      "waits for run #42 of .github/workflows/ci.yml: GitHub does not answer",
    );
  });
});

/** How far a run is: at GitHub, then on record here, then begun here. */
const RUNNING = 0;
const ENDED = 1;
const ON_RECORD = 2;
const BEGUN = 3;

/**
 * One target and the runs #1 to #N of its workflow, with the three who observe them: the webhook, which may lose any
 * event; GitHub's list, which may hide any run; and the claim.
 */
interface State {
  runs: number[];
  /** The number of the run that began last. */
  base: number;
  /** Up to which run a look at GitHub has let all begin, and which runs had not ended by then. */
  cleared: { upTo: number; running: number } | null;
}

/** Explores everything that may happen to runs of which these are the target's own. Returns how many states there are. */
function explore(own: readonly boolean[]): number {
  const key = ({ runs, base, cleared }: State) =>
    [base, cleared?.upTo ?? 0, ...runs].reduce((all, part) => all * 8 + part, cleared?.running ?? 0);
  const begin: State = { runs: own.map(() => RUNNING), base: 0, cleared: null };
  const seen = new Set([key(begin)]);
  const left = [begin];
  for (let state = left.pop(); state; state = left.pop()) {
    if (state.runs.every((run) => run !== RUNNING)) expectAllBegin(state);
    for (const next of nextStates(state)) {
      if (seen.has(key(next))) continue;
      seen.add(key(next));
      left.push(next);
    }
  }
  return seen.size;

  function* nextStates(state: State): Generator<State> {
    const { runs, cleared } = state;
    for (const [index, run] of runs.entries()) {
      // It ends at GitHub; its event arrives, at any time later or never.
      if (run === RUNNING || run === ENDED) yield { ...state, runs: runs.with(index, run + 1) };
    }
    const gap = missing(state);
    if (gap !== null)
      // GitHub shows some of what is missing, the rest not yet.
      for (let shown = 0; shown < 2 ** gap.length; shown++)
        yield look(
          state,
          gap,
          gap.filter((_, bit) => shown & (1 << bit)),
        );
    // The word of GitHub's that let one begin is old by now.
    if (cleared) yield { ...state, cleared: null };
    const claimed = claim(state, gap);
    if (claimed) yield claimed;
  }

  /** The lowest run that waits. */
  function candidate({ runs, base }: State): number | null {
    const index = runs.findIndex((run, at) => own[at] && run === ON_RECORD && at + 1 > base);
    return index === -1 ? null : index + 1;
  }

  /** The numbers that the candidate misses; null where none waits, or it misses none. */
  function missing(state: State): number[] | null {
    const number = candidate(state);
    if (number === null) return null;
    const known = state.runs.flatMap((run, at) => (run >= ON_RECORD ? [at + 1] : []));
    const gap = gapBefore(number, state.base, known);
    return (
      gap?.missing.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i)) ?? null
    );
  }

  /** GitHub is asked for the numbers of the gap, and shows these. */
  function look(state: State, gap: readonly number[], shown: readonly number[]): State {
    const ranges = gap.map((number) => [number, number] as const);
    const open = firstUnresolved({ missing: ranges, sure: true }, (number) => shown.includes(number));
    // What has ended and is the target's own is accepted; of what is not, nothing is noted.
    const runs = state.runs.map((run, at) =>
      own[at] && run === ENDED && shown.includes(at + 1) ? ON_RECORD : run,
    );
    const running = state.runs.reduce((all, run, at) => (run === RUNNING ? all | (1 << at) : all), 0);
    const cleared = open === null ? { upTo: candidate(state) as number, running } : null;
    return { ...state, runs, cleared };
  }

  function claim(state: State, gap: readonly number[] | null): State | null {
    const number = candidate(state);
    if (number === null) return null;
    if (gap !== null && number > (state.cleared?.upTo ?? 0)) return null;
    const overtaken = state.runs.findIndex(
      (run, at) =>
        own[at] &&
        at + 1 < number &&
        at + 1 > state.base &&
        (run === ENDED || run === ON_RECORD) &&
        // One that had not ended when GitHub was asked comes too late, by the rule of order.
        !(state.cleared && state.cleared.running & (1 << at)),
    );
    if (overtaken !== -1)
      throw new Error(`#${number} begins before #${overtaken + 1}: ${JSON.stringify(state)}`);
    return { runs: state.runs.with(number - 1, BEGUN), base: number, cleared: null };
  }

  /** With GitHub showing everything, each run that nothing has overtaken begins, without any event. */
  function expectAllBegin(from: State): void {
    let state = from;
    for (let next: State | null = state; next; ) {
      state = next;
      const gap = missing(state);
      const seen = gap === null ? state : look(state, gap, gap);
      next = claim(seen, missing(seen));
    }
    const waits = state.runs.findIndex((run, at) => own[at] && run === ON_RECORD && at + 1 > state.base);
    if (waits !== -1) throw new Error(`#${waits + 1} never begins: ${JSON.stringify(from)}`);
  }
}

describe("the barrier, in every order of up to 6 runs, their events, GitHub's lists and the claims", () => {
  it("lets none begin before an earlier one that had ended, and lets all begin", () => {
    let states = 0;
    for (let length = 1; length <= 6; length++)
      // Nobody waits for the last run unless it is the target's own.
      for (let kinds = 2 ** (length - 1); kinds < 2 ** length; kinds++)
        states += explore(Array.from({ length }, (_, at) => (kinds & (1 << at)) !== 0));
    console.log(`the barrier: ${states} states`);
    expect(states).toBeGreaterThan(100_000);
  }, 300_000);
});
