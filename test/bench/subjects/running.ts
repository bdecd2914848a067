import type { Subject } from "./subject.ts";

const running = new Set<{ stop(): Promise<void> }>();

/** Notes a subject until it is stopped, so that {@link stopAll} finds it however the bench ends. */
export function noteRunning<S extends Subject>(subject: S): S {
  const entry = { stop: subject.stop };
  running.add(entry);
  const stop = async () => {
    if (running.delete(entry)) await entry.stop();
  };
  return { ...subject, stop };
}

/** Stops whatever still runs, after an error or Ctrl-C. */
export async function stopAll(): Promise<void> {
  await Promise.all(
    [...running].map((entry) => {
      running.delete(entry);
      return entry.stop();
    }),
  );
}
