import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { MAX_WAIT_S } from "../../http/list-query.ts";

/** The facts of this machine. Tests give others. */
export interface Machine {
  nodeVersion: string;
  /** This machine's time (ms since 1970). */
  now(): number;
  /** How many bytes this user may still write in a folder. */
  freeBytes(directory: string): number;
  /** How long the disk takes to make 4 KiB durable (ms, the median of several tries). */
  syncMs(directory: string): number;
  /** How slow an answer is by which the patience of proxies is measured (s). */
  pollSeconds: number;
  /** Whether systemd runs this machine. */
  hasSystemd: boolean;
  /** The folders of its unit files, the strongest first. */
  unitFolders: readonly string[];
}

const TRIES = 5;

export const thisMachine: Machine = {
  nodeVersion: process.versions.node,
  now: Date.now,
  freeBytes(directory) {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  },
  syncMs(directory) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const file = join(directory, `.doctor-${randomBytes(6).toString("hex")}`);
    const handle = openSync(file, "wx", 0o600);
    try {
      const times = Array.from({ length: TRIES }, () => {
        const began = performance.now();
        writeSync(handle, Buffer.alloc(4_096));
        fsyncSync(handle);
        return performance.now() - began;
      });
      return times.toSorted((a, b) => a - b)[Math.floor(TRIES / 2)] as number;
    } finally {
      closeSync(handle);
      rmSync(file);
    }
  },
  pollSeconds: MAX_WAIT_S,
  hasSystemd: existsSync("/run/systemd/system"),
  unitFolders: [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    join(homedir(), ".config/systemd/user"),
  ],
};

/** The size of a file in bytes; 0 where there is none. */
export function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** A size for people. */
export function inMiB(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}
