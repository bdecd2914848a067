import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/** Tasks that run or want to run, for each processor, from which on a machine counts as busy. */
const BUSY_TASKS = 2;

/**
 * Whether so many tasks of this machine wait for a processor that a late answer says little. Reads the kernel's count
 * (proc(5), `/proc/loadavg`); false where there is none.
 */
export function isMachineBusy(): boolean {
  try {
    const running = Number.parseInt(readFileSync("/proc/loadavg", "utf8").split(" ")[3] ?? "", 10);
    return running > BUSY_TASKS * availableParallelism();
  } catch {
    return false;
  }
}
