import type { Logger } from "pino";
import { isAlive, isStopped } from "./process-identity.ts";
import type { RunRegistry } from "./run-registry.ts";

/** A holder that is not stopped is reported after this time (ms). */
const REPORT_AFTER_MS = 1_000;

/**
 * Returns a function for a store whose write lock a process has held for long. It kills a process of ours that is
 * stopped in the middle of a write transaction. It would block every other writer for good. Its transaction is rolled
 * back, and its deployment counts as interrupted. A process that is not stopped, or not ours (someone's SQLite shell),
 * is only reported.
 */
export function frozenLockEnder(registry: RunRegistry, log: Logger): (pid: number, heldMs: number) => void {
  return (pid, heldMs) => {
    if (pid === process.pid) return;
    const ours = registry.list().find(({ runner }) => runner.pid === pid && isAlive(runner));
    if (ours && isStopped(ours.runner)) {
      process.kill(pid, "SIGKILL");
      log.error(
        { pid, holder: ours.holder },
        "ended a process that was frozen while it held the store's write lock",
      );
    } else if (heldMs > REPORT_AFTER_MS)
      log.warn(
        { pid, holder: ours?.holder ?? null },
        "the store's write lock has been held for over a second by this process",
      );
  };
}
