import { pino } from "pino";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { REPAIR_MS } from "../../../app/failover/active-endpoint.ts";
import { NotControllerError } from "../../../app/failover/controller-lease.ts";
import { Scheduler, type Task } from "../../../app/upkeep/scheduler.ts";
import { testTarget } from "../../helpers/arrivals.ts";
import { setScans } from "../../helpers/scans.ts";
import { SleepersClock } from "../../helpers/sleepers-clock.ts";
import { ENGINES } from "../../helpers/stores.ts";

const often = { name: "what is done often", everyMs: 60_000 };
const seldom = { name: "what is done seldom", everyMs: 600_000 };

function setScheduler(work?: (due: Task[], signal: AbortSignal) => Promise<ReadonlyMap<Task, unknown>>) {
  const clock = new SleepersClock();
  const rounds: { at: number; tasks: string[] }[] = [];
  const said: string[] = [];
  const state = { canRun: true };
  const scheduler = new Scheduler<Task>({
    tasks: [often, seldom],
    work: async (due, signal) => {
      rounds.push({ at: clock.monotonic(), tasks: due.map(({ name }) => name) });
      return (await work?.(due, signal)) ?? new Map();
    },
    canRun: () => state.canRun,
    clock,
    log: pino({}, { write: (line: string) => void said.push(JSON.parse(line).msg) }),
  });
  onTestFinished(() => scheduler.close());
  /** Lets the next sleeper's time come, and what it does be done. */
  const next = async () => {
    clock.advance(await clock.asleep());
    return clock.asleep();
  };
  return { clock, rounds, said, state, scheduler, next };
}

describe("scheduled tasks", () => {
  it("begin when asked, and again after their time; those that are due together are done together", async () => {
    const { rounds, scheduler, next } = setScheduler();
    void scheduler.runNow();
    for (let i = 0; i < 10; i++) await next();
    expect(rounds).toHaveLength(11);
    const both = rounds.filter(({ tasks }) => tasks.length === 2).map(({ at }) => at);
    expect(both).toEqual([0, 600_000]);
    expect(rounds[1]).toEqual({ at: 60_000, tasks: [often.name] });
  });

  it("are done once more, right after the present round, when asked in the middle of it", async () => {
    const { clock, rounds, scheduler } = setScheduler(async () => {
      if (rounds.length === 1) for (let i = 0; i < 5; i++) void scheduler.runNow([often]);
      return new Map();
    });
    void scheduler.runNow();
    await clock.asleep();
    expect(rounds.map(({ tasks }) => tasks.length)).toEqual([2, 1]);
  });

  it("are done by none but the controller, and begin when it is asked as such", async () => {
    const { clock, rounds, state, scheduler, next } = setScheduler();
    state.canRun = false;
    void scheduler.runNow();
    await next();
    await next();
    expect(rounds).toEqual([]);
    state.canRun = true;
    void scheduler.runNow();
    await clock.asleep();
    expect(rounds).toHaveLength(1);
  });

  it("wait as long as GitHub says, and not longer than that because of one another", async () => {
    const limited = Object.assign(new Error("slow down"), {
      status: 429,
      response: { headers: { "retry-after": "150" } },
    });
    const { clock, rounds, said, scheduler, next } = setScheduler(async () =>
      rounds.length === 1 ? new Map([[seldom, limited]]) : new Map(),
    );
    void scheduler.runNow();
    for (let i = 0; i < 3; i++) await next();
    expect(rounds.map(({ at, tasks }) => [at, tasks.length])).toEqual([
      [0, 2],
      [60_000, 1],
      [120_000, 1],
      [150_000, 1],
    ]);
    expect(rounds[3]?.tasks).toEqual([seldom.name]);
    expect(said).toEqual(["what is done seldom failed, retry in 150 s: slow down"]);
    expect(await clock.asleep()).toBe(30_000);
  });

  it("never spin, even when GitHub says to come back at once", async () => {
    const limited = Object.assign(new Error("slow down"), {
      status: 403,
      response: { headers: { "retry-after": "0" } },
    });
    const { scheduler, next, rounds } = setScheduler(async (due) => new Map(due.map((t) => [t, limited])));
    void scheduler.runNow();
    await next();
    await next();
    expect(rounds.map(({ at }) => at)).toEqual([0, 1_000, 2_000]);
  });

  it("say nothing when the lease was lost meanwhile", async () => {
    const { clock, said, scheduler } = setScheduler(() => Promise.reject(new NotControllerError("backup")));
    void scheduler.runNow();
    expect(await clock.asleep()).toBe(60_000);
    expect(said).toEqual([]);
  });

  it("end in the middle of their work when they are closed", async () => {
    const begun = Promise.withResolvers<void>();
    const { scheduler, said } = setScheduler((_due, signal) => {
      begun.resolve();
      return new Promise((_resolve, reject) => signal.addEventListener("abort", reject));
    });
    void scheduler.runNow();
    await begun.promise;
    await scheduler.close();
    expect(said).toEqual([]);
  });
});

describe.each(ENGINES)("an hour of quiet on %s", (engine) => {
  it("costs fewer than 200 calls to GitHub and 100 for each repository", async () => {
    // The clients' tokens are to expire within this hour as well.
    vi.useFakeTimers({ toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    const targets = ["acme/site", "acme/shop", "other/api"].flatMap((repository) =>
      ["ci", "docs"].map((name) =>
        testTarget({ repository, environment: name, workflow: `.github/workflows/${name}.yml` }),
      ),
    );
    const scene = await setScans(engine, { targets });
    const { github, clock } = scene;
    // What was deployed lately stands in every list that is read.
    await scene.completeRuns(40);
    await scene.scan();
    const begun = github.requests.length;
    for (let passed = 0; passed < 60 * 60_000; ) {
      const pause = await clock.asleep();
      passed += pause;
      vi.setSystemTime(Date.now() + pause);
      clock.advance(pause);
    }
    await clock.asleep();
    const calls = github.requests.slice(begun).map(({ method, path, status }) => ({ method, path, status }));
    const ofRepositories = calls.filter(({ path }) => path.startsWith("/repos/"));
    const comparingTheUrl = (60 * 60_000) / REPAIR_MS;
    expect(calls.filter(({ status }) => ![200, 201, 304].includes(status ?? 0))).toEqual([]);
    expect(calls.length - ofRepositories.length + comparingTheUrl).toBeLessThan(200);
    for (const repository of ["acme/site", "acme/shop", "other/api"])
      expect(ofRepositories.filter(({ path }) => path.includes(repository)).length).toBeLessThan(100);
    expect(calls.length).toBeGreaterThan(60 + 3 * 60);
  });
});
