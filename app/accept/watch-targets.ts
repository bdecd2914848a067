import type { Clock } from "../clock.ts";
import type { TargetConfig } from "../config/schema.ts";
import type { Store } from "../store/store.ts";
import { registerTargets } from "./register-targets.ts";

/** How soon GitHub is asked for the time again. */
const AGAIN_MS = 5_000;

/**
 * Notes that the targets are watched from now on, by GitHub's clock: ours may be wrong by years, and would then let old
 * runs deploy, or no lost one. While GitHub is away nothing can be looked for there, and the time is noted once it is
 * back. Resolves when the targets are on record, with what goes on until the time is.
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
  /** The time by GitHub's clock (ms); null while it is away. */
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
      // A store that is away will be back.
      if (!signal.aborted) noted = await note().catch(() => false);
    }
  };
  return { timed: (await note()) ? Promise.resolve() : goOn() };
}
