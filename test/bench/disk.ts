import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { percentile } from "./statistics.ts";

/** @see https://man7.org/linux/man-pages/man2/statfs.2.html (TMPFS_MAGIC) */
const TMPFS_MAGIC = 0x01021994;
const SAMPLES = 50;
const PAGE_BYTES = 4096;

/** What waiting for the disk costs where the stores lie. */
export interface DiskSpeed {
  directory: string;
  fsyncP50Ms: number;
}

/**
 * Measures the disk under the stores.
 * @throws {Error} when it is none: memory forgets, so that nothing there is durable, and waiting costs nothing.
 */
export function measureDisk(): DiskSpeed {
  const directory = mkdtempSync(join(tmpdir(), "twinhook-bench-disk-"));
  try {
    if (statfsSync(directory).type === TMPFS_MAGIC)
      throw new Error(
        `${tmpdir()} is in memory, not on a disk; set TMPDIR to a folder on the disk to measure`,
      );
    const file = openSync(join(directory, "file"), "w");
    const page = Buffer.alloc(PAGE_BYTES, 1);
    const times = Array.from({ length: SAMPLES }, () => {
      const at = performance.now();
      writeSync(file, page);
      fsyncSync(file);
      return performance.now() - at;
    });
    closeSync(file);
    return { directory: tmpdir(), fsyncP50Ms: percentile(times, 0.5) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
