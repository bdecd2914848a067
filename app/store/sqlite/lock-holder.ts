import { readFile, stat } from "node:fs/promises";

/**
 * The byte of the shared-memory file on which a writer of a WAL database holds its lock.
 * @see https://www.sqlite.org/walformat.html#the_wal_index_file_format (WAL_WRITE_LOCK)
 */
const WAL_WRITE_LOCK_BYTE = 120;

/**
 * The process that holds the write lock of the SQLite database at `path`, by the kernel's report (Linux:
 * /proc/locks). Undefined where no process holds it, or the kernel does not say.
 */
export async function lockHolder(path: string): Promise<number | undefined> {
  try {
    const [locks, { ino }] = await Promise.all([readFile("/proc/locks", "utf8"), stat(`${path}-shm`)]);
    for (const line of locks.split("\n")) {
      // 1: POSIX  ADVISORY  WRITE 1234 fe:00:56789 120 120
      const fields = /POSIX\s+\S+\s+WRITE\s+(\d+)\s+\S+:(\d+)\s+(\d+)\s+(\d+)/.exec(line);
      if (!fields || line.includes("->")) continue;
      const [, pid, inode, start, end] = fields.map(Number) as [number, number, number, number, number];
      if (inode === ino && start <= WAL_WRITE_LOCK_BYTE && end >= WAL_WRITE_LOCK_BYTE)
        return pid || undefined;
    }
  } catch {
    // No /proc here (macOS, say), or no database yet.
  }
  return undefined;
}
