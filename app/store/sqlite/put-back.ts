import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { syncFile } from "../sync-file.ts";
import { fileAt } from "./open-files.ts";

/*
 * A process that has a database open keeps it, even if its file was deleted or replaced by another one. The database
 * is put back under its name as a copy. Any process may continue these steps where another one was killed:
 *
 * 1. The copy is written beside it. It holds a row of `store_copies` with its id.
 * 2. The original gets the same row, with `replaced` 1. The transaction begins with the original's write lock. It
 *    commits only if no other commit came since the copy was made. From here on the original's contents are final.
 *    Every commit checks the file's name under the same lock, and finds that it leads to another file.
 * 3. The copy takes the name, if no other file has it.
 *
 * Processes that have the original open find the row there. They change over to the file that has the row too.
 */

/** An open database, with its path. */
export interface Opened {
  database: DatabaseSync;
  path: string;
  /** Its three files, as they were when it was opened: `DEVICE:INODE`. */
  files: readonly (string | null)[];
}

/** The database, its write-ahead log, and the shared memory that indexes the log. */
export const namesOf = (path: string) => [path, `${path}-wal`, `${path}-shm`] as const;
export const filesAt = (path: string) => namesOf(path).map(fileAt);

/** The id of the copy that replaces this database; undefined while there is none. */
export function replacedBy(database: DatabaseSync): string | undefined {
  const row = database.prepare("SELECT id FROM store_copies WHERE replaced = 1").get();
  return row?.id as string | undefined;
}

/** Whether this is the copy with this id, or a copy of that one. */
export function descendsFrom(database: DatabaseSync, copy: string): boolean {
  return database.prepare("SELECT 1 FROM store_copies WHERE id = ? AND replaced = 0").get(copy) !== undefined;
}

/** The copy's path until it takes the name. */
export const copyAt = (path: string, copy: string) => `${path}.kept-${copy}`;

/**
 * Steps 1 and 2. Returns the id of the copy; undefined where a commit came in between, and the copy must be
 * made again. Throws SQLite's own errors: its lock may be held.
 */
export function makeCopy({ database, path, files }: Opened, now: number): string | undefined {
  const copy = randomUUID();
  const file = copyAt(path, copy);
  // Fail on a held lock before the work, not after it.
  database.exec("BEGIN IMMEDIATE; ROLLBACK");
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // If the path still leads to the database, but not to its log, move the log into the database.
  if (fileAt(path) === files[0]) database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  const version = () => database.prepare("PRAGMA data_version").get()?.data_version;
  const copied = version();
  let final = false;
  try {
    database.prepare("VACUUM INTO ?").run(file);
    const made = new DatabaseSync(file);
    made.exec("PRAGMA journal_mode = WAL");
    made.prepare("INSERT INTO store_copies VALUES (?, ?, 0, NULL)").run(copy, now);
    made.close();
    syncFile(file);
    database.exec("BEGIN IMMEDIATE");
    if (version() === copied) {
      database.prepare("INSERT INTO store_copies VALUES (?, ?, 1, NULL)").run(copy, now);
      removeLogs(path, files);
      database.exec("COMMIT");
      final = true;
    }
  } finally {
    if (database.isTransaction) database.exec("ROLLBACK");
    if (!final) rmSync(file, { force: true });
  }
  return final ? copy : undefined;
}

/** Removes the original's logs: any other file of the name would read them as its own. Logs of another database stay. */
function removeLogs(path: string, files: Opened["files"]): void {
  for (const [index, name] of namesOf(path).entries())
    if (index > 0 && fileAt(name) === files[index]) rmSync(name, { force: true });
}

/** Step 3. Replaces no other file. */
export function giveName({ path, files }: Opened, copy: string): void {
  const file = copyAt(path, copy);
  const [found, ...logs] = filesAt(path);
  if (fileAt(file) === null || logs.some((log) => log !== null)) return;
  try {
    if (found === files[0]) renameSync(file, path);
    else if (found === null) {
      linkSync(file, path);
      rmSync(file, { force: true });
    }
  } catch (error) {
    // Another process has just done the same.
    if (!["EEXIST", "ENOENT"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
  syncFile(dirname(path));
}
