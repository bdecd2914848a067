import { describe, expect, it, onTestFinished } from "vitest";
import { watchTargets } from "../../../app/accept/watch-targets.ts";
import type { Clock } from "../../../app/clock.ts";
import { testTarget } from "../../helpers/arrivals.ts";
import { SleepersClock } from "../../helpers/sleepers-clock.ts";
import { ENGINES, newStore } from "../../helpers/stores.ts";

const GITHUB_TIME = Date.UTC(2026, 0, 1, 12);

describe.each(ENGINES)("since when a target is watched, with the store on %s", (engine) => {
  const watch = async (githubTime: () => Promise<number | null>) => {
    const store = await newStore(engine);
    const clock: Clock & SleepersClock = new SleepersClock();
    const stop = new AbortController();
    const { timed } = await watchTargets({
      ...{ store, targets: [testTarget()], clock, githubTime, signal: stop.signal },
    });
    onTestFinished(async () => {
      stop.abort();
      await timed;
    });
    const since = async () =>
      (await store.read.selectFrom("targets").select("watch_from").executeTakeFirstOrThrow()).watch_from;
    return { clock, stop, timed, since };
  };

  it("is told by GitHub's clock, whatever ours says", async () => {
    const { since } = await watch(async () => GITHUB_TIME + 999);
    expect(await since()).toBe(GITHUB_TIME);
  });

  it("is not known while GitHub is away, and then when it was by GitHub's clock", async () => {
    let time: number | null = null;
    const { clock, timed, since } = await watch(async () => time);
    expect(await since()).toBeNull();
    clock.advance(await clock.asleep());
    const pause = await clock.asleep();
    expect(await since()).toBeNull();
    time = GITHUB_TIME + 2 * pause;
    clock.advance(pause);
    await timed;
    expect(await since()).toBe(GITHUB_TIME);
  });

  it("is asked for no more once the instance stops", async () => {
    const { clock, stop, timed } = await watch(async () => null);
    await clock.asleep();
    stop.abort();
    await timed;
  });
});
