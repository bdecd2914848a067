import { randomUUID } from "node:crypto";
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileAt } from "./open-files.ts";

/*
 * A database whose file was deleted, or replaced by another one, is still there for whoever has it open. It is put
 * back under its name as a copy, in steps that any process may take up where another one was killed:
 *
 * 1. The copy is written beside it. It holds a row of `store_copies` with its id.
 * 2. The original gets the same row, with `replaced` 1, in a transaction that begins with its write lock, and only if
 *    nothing was committed since the copy was made. From here on its content is final: every commit looks at the
 *    file's name under the same lock, and finds that it is not the one that is open.
 * 3. The copy gets the name, if nothing else has it.
 *
 * Processes that have the original open find the row there, and go over to the file that has it too.
 */

/** The file that an open database has, and where it has its name. */
export interface Opened {
  database: DatabaseSync;
  path: string;
  /** Its three files, as they were when it was opened: `DEVICE:INODE`. */
  files: readonly (string | null)[];
}

/** The database, its write-ahead log, and the shared memory that says what is in that. */
export const namesOf = (path: string) => [path, `${path}-wal`, `${path}-shm`] as const;
export const filesAt = (path: string) => namesOf(path).map(fileAt);

/** The id of the copy that takes, or took, the place of this database; undefined while there is none. */
export function replacedBy(database: DatabaseSync): string | undefined {
  const row = database.prepare("SELECT id FROM store_copies WHERE replaced = 1").get();
  return row?.id as string | undefined;
}

/** Whether this is the copy with this id, or a copy of that one. */
export function descendsFrom(database: DatabaseSync, copy: string): boolean {
  return database.prepare("SELECT 1 FROM store_copies WHERE id = ? AND replaced = 0").get(copy) !== undefined;
}

/** Where the copy is until it has the name. */
export const copyAt = (path: string, copy: string) => `${path}.kept-${copy}`;

/**
 * Steps 1 and 2: answers with the id of the copy, and undefined where something was committed meanwhile, so that it
 * is to be made again. SQLite's own errors are the caller's to judge: its lock may be held.
 */
export function makeCopy({ database, path, files }: Opened, now: number): string | undefined {
  const copy = randomUUID();
  const file = copyAt(path, copy);
  // A lock that is held is noticed before the work, not after it.
  database.exec("BEGIN IMMEDIATE; ROLLBACK");
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // While the name still leads to the database, but not to its log, the database is to be whole by itself.
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
    sync(file);
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

/** The copy would take the log of the original for its own. Those of another database are left alone. */
function removeLogs(path: string, files: Opened["files"]): void {
  const found = fileAt(path);
  if (found !== null && found !== files[0]) return;
  for (const [index, name] of namesOf(path).entries())
    if (index > 0 && fileAt(name) === files[index]) rmSync(name, { force: true });
}

/** Step 3. What stands in its way is left alone. */
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
  sync(dirname(path));
}

function sync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
