import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { identify, type ProcessIdentity } from "../../app/run/process-identity.ts";

/** A process that works in a folder. */
export interface FoundProcess extends ProcessIdentity {
  command: string;
}

/** The processes whose working directory lies in `directory`; on Linux, by /proc. */
export function processesIn(directory: string): FoundProcess[] {
  return readdirSync("/proc")
    .map(Number)
    .filter(Number.isInteger)
    .flatMap((pid) => {
      try {
        const where = readlinkSync(`/proc/${pid}/cwd`);
        if (where !== directory && !where.startsWith(`${directory}/`)) return [];
        const identity = identify(pid);
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        return identity ? [{ ...identity, command }] : [];
      } catch {
        // Gone, or another user's.
        return [];
      }
    });
}

/** Waits until no process is left there, for as long as the limit; returns those that are. */
export async function processesLeftIn(directory: string, limitMs: number): Promise<FoundProcess[]> {
  const until = Date.now() + limitMs;
  for (;;) {
    const left = processesIn(directory);
    if (left.length === 0 || Date.now() > until) return left;
    // The kernel tells only a parent when a process ends, and these have lost theirs.
    await sleep(25);
  }
}
