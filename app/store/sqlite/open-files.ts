import { readdirSync, readlinkSync, statSync } from "node:fs";

/** The kernel appends this to the name of an open file that was deleted. */
const DELETED = " (deleted)";

/** The device and inode of the file with this name, as `DEVICE:INODE`; null where there is none. */
export function fileAt(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found ? `${found.dev}:${found.ino}` : null;
}

/** The same with size and time of change: it differs after every write to the file. */
export function stateOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found ? `${found.dev}:${found.ino} ${found.size} ${found.mtimeMs}` : null;
}

/**
 * The processes of this user that have this file open although it was deleted. A new file of that name would
 * be another file for them. `named` are files that they must have open too.
 */
export function holdersOfDeleted(file: string, named: readonly string[] = []): number[] {
  const wanted = [file + DELETED, ...named];
  return processIds().filter((pid) => {
    const open = new Set(openFiles(pid));
    return wanted.every((name) => open.has(name));
  });
}

/**
 * The processes of this user that have the log of this database open, and with it a file that had the name before.
 */
export function holdersOfReplaced(path: string, log: string): number[] {
  return processIds().filter((pid) => {
    const open = new Set(openFiles(pid));
    return open.has(path + DELETED) && open.has(log) && !open.has(path);
  });
}

/** The processes of this user that have this file open. */
export function holdersOf(file: string): number[] {
  return processIds().filter((pid) => openFiles(pid).includes(file));
}

/** Whether this process has all of these files open. */
export function areOpenHere(files: readonly string[]): boolean {
  const open = new Set(openFiles(process.pid));
  return files.every((file) => open.has(file));
}

function processIds(): number[] {
  return entries("/proc").map(Number).filter(Number.isInteger);
}

/** The names of a process's open files; none for another user's process, or one that has just ended. */
function openFiles(pid: number): string[] {
  return entries(`/proc/${pid}/fd`).flatMap((descriptor) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
    } catch {
      return [];
    }
  });
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
