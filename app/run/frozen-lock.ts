import type { Logger } from "pino";
import { isAlive, isStopped } from "./process-identity.ts";
import type { RunRegistry } from "./run-registry.ts";

/**
 * Ends a process of ours that was stopped in the middle of a write transaction: it would lock out every other
 * one for good. Whatever it did not commit is undone, and a deployment that it ran is interrupted.
 * A process that is not stopped, or not ours (someone's SQLite shell), is reported and left alone.
 */
export function endFrozenHolder(pid: number, registry: RunRegistry, log: Logger): void {
  if (pid === process.pid) return;
  const ours = registry.list().find(({ runner }) => runner.pid === pid && isAlive(runner));
  if (ours && isStopped(ours.runner)) {
    process.kill(pid, "SIGKILL");
    log.error(
      { pid, holder: ours.holder },
      "ended a process that was frozen while it held the store's write lock",
    );
  } else
    log.warn(
      { pid, holder: ours?.holder ?? null },
      "the store's write lock has been held for over a second by this process",
    );
}
