import { readdirSync, readFileSync } from "node:fs";

/** What the processes of a program have used, and what they hold. */
export interface Usage {
  processes: number;
  /** Processor time, user and system, since each process began. */
  cpuMs: number;
  /** Their proportional share of memory: a page that several processes map counts once. */
  pssBytes: number;
}

/** Linux counts processor time for programs in this unit, whatever the timer of its kernel. */
const TICK_MS = 10;

/**
 * What a process and all its descendants use, and children of theirs that have ended. Linux only.
 * @throws {Error} when the process is gone.
 */
export function usageOf(pid: number): Usage {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => stat(Number(name)));
  const found = all.filter((one) => one.pid === pid);
  if (found.length === 0) throw new Error(`process ${pid} is gone; its log says why`);
  // The list grows while it is read: each process adds its children.
  for (const { pid: parent } of found) found.push(...all.filter((one) => one.parent === parent));
  return {
    processes: found.length,
    cpuMs: found.reduce((sum, { ticks }) => sum + ticks, 0) * TICK_MS,
    pssBytes: found.reduce((sum, one) => sum + pssBytes(one.pid), 0),
  };
}

function stat(pid: number): { pid: number; parent: number; ticks: number }[] {
  const text = read(`/proc/${pid}/stat`);
  // The name of the program, in parentheses, may hold spaces.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  if (fields.length < 15) return [];
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return [{ pid, parent: Number(fields[1]), ticks }];
}

function pssBytes(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024;
}

/** Empty where the process has just ended. */
function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
