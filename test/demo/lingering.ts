import { readdirSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const LOOK_MS = 50;
const LIMIT_MS = 10_000;

/**
 * Resolves when no process works in this folder any more, or after 10 s. A runner that was still being loaded when
 * its instance ended notices it a moment later, and would make anew the folder that was just removed.
 */
export async function untilLeft(folder: string): Promise<void> {
  const until = performance.now() + LIMIT_MS;
  while (workIn(folder) && performance.now() < until) await sleep(LOOK_MS);
}

/** Whether a process has its working directory there; where there is no /proc, nobody can tell. */
function workIn(folder: string): boolean {
  try {
    return readdirSync("/proc").some((pid) => /^\d+$/.test(pid) && directoryOf(pid).startsWith(folder));
  } catch {
    return false;
  }
}

function directoryOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    // It has just ended, or is somebody else's.
    return "";
  }
}
