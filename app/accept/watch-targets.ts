import type { Clock } from "../clock.ts";
import type { TargetConfig } from "../config/schema.ts";
import type { Store } from "../store/store.ts";
import { registerTargets } from "./register-targets.ts";

/** How long until GitHub is asked for the time again. */
const AGAIN_MS = 5_000;

/**
 * Records that the targets are watched from now on, by GitHub's clock. With our own clock, which may be wrong by years,
 * old runs would deploy, or a lost run would never be found.
 * While GitHub is unreachable no scan can run, so the time is recorded once it is reachable again. Resolves
 * when the targets are recorded; `timed` resolves when the time is, too.
 */
export async function watchTargets({
  store,
  targets,
  clock,
  githubTime,
  signal,
}: {
  store: Store;
  targets: readonly TargetConfig[];
  clock: Clock;
  /** The time by GitHub's clock (ms); null while GitHub is unreachable. */
  githubTime: () => Promise<number | null>;
  signal: AbortSignal;
}): Promise<{ timed: Promise<void> }> {
  const begun = clock.monotonic();
  const note = async (): Promise<boolean> => {
    const time = await githubTime();
    const passed = clock.monotonic() - begun;
    await registerTargets(store, targets, time === null ? null : time - passed);
    return time !== null;
  };
  const goOn = async () => {
    for (let noted = false; !noted && !signal.aborted; ) {
      await clock.sleep(AGAIN_MS, signal).catch(() => {});
      // A failed write is repeated in the next round.
      if (!signal.aborted) noted = await note().catch(() => false);
    }
  };
  return { timed: (await note()) ? Promise.resolve() : goOn() };
}
