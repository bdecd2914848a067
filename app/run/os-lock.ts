import { createHash } from "node:crypto";
import { existsSync, mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { holdersOfDeleted } from "../store/sqlite/open-files.ts";

/**
 * A lock that the operating system holds for this process, and releases when the process ends, in any way.
 *
 * Node offers no file locks, but SQLite does. An exclusive transaction on an otherwise empty file is a POSIX
 * record lock. Such a lock belongs to the process alone: no child inherits it. So a daemon that a deploy
 * script leaves behind cannot hold it (https://www.sqlite.org/lockingv3.html).
 */
export class OsLock {
  #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Takes the lock called `name` in `directory`, or returns null when another process holds it. */
  static tryAcquire(directory: string, name: string): OsLock | null {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // Lock names contain characters that file names may not.
    const file = `${createHash("sha256").update(name).digest("hex").slice(0, 32)}.lock`;
    const path = join(realpathSync.native(directory), file);
    const exists = existsSync(path);
    // A lock whose file was deleted is still held, and a new file would not show it.
    if (!exists && holdersOfDeleted(path).length > 0) return null;
    const url = pathToFileURL(path);
    url.search = exists ? "?mode=rw" : "?mode=rwc";
    const database = new DatabaseSync(url, { timeout: 0 });
    try {
      database.exec("BEGIN EXCLUSIVE");
      return new OsLock(database);
    } catch (error) {
      database.close();
      // SQLITE_BUSY
      if (((error as { errcode?: number }).errcode ?? 0) % 256 === 5) return null;
      throw error;
    }
  }

  release(): void {
    this.#database.close();
  }
}

/** Takes all of the locks or none of them. */
export function tryAcquireAll(directory: string, names: readonly string[]): OsLock[] | null {
  const held: OsLock[] = [];
  // All processes take locks in the same order. So two that want the same locks never block each other.
  for (const name of [...new Set(names)].sort()) {
    const lock = OsLock.tryAcquire(directory, name);
    if (!lock) {
      for (const taken of held) taken.release();
      return null;
    }
    held.push(lock);
  }
  return held;
}

/** The directory of a host's locks. */
export function lockDirectory(stateDirectory: string): string {
  return join(stateDirectory, "locks");
}
