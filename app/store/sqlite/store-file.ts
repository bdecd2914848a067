import { DatabaseSync } from "node:sqlite";
import { StoreTooNewError } from "../errors.ts";
import { SCHEMA_VERSION } from "../schema-version.ts";

/** How long a command waits for a store's file that another process has locked (ms). */
export const LOCK_WAIT_MS = 5_000;

/** What a file is that holds a store. */
export interface StoreFile {
  /** The version of its schema. */
  version: number;
  /** When the newest delivery arrived (ms); null where there is none. */
  newest: number | null;
}

/**
 * Reads what a file holds, and changes nothing.
 * @throws {Error} when it is no Twinhook store, or a damaged one; {StoreTooNewError} when a newer release made it.
 */
export function storeIn(path: string): StoreFile {
  let database: DatabaseSync | undefined;
  let found: { version: number; min_code_version: number } | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: LOCK_WAIT_MS });
    found = database.prepare("SELECT version, min_code_version FROM twinhook_version").get() as typeof found;
    if (!found) throw new Error("it names no schema");
    const { quick_check: verdict } = database.prepare("PRAGMA quick_check(1)").get() as {
      quick_check: string;
    };
    if (verdict !== "ok") throw new Error(verdict);
    if (found.min_code_version > SCHEMA_VERSION) throw new StoreTooNewError(found, SCHEMA_VERSION);
    const { newest } = database.prepare("SELECT max(received_at) AS newest FROM deliveries").get() as {
      newest: number | null;
    };
    return { version: found.version, newest };
  } catch (error) {
    if (error instanceof StoreTooNewError) throw error;
    throw new Error(
      `${path} is no Twinhook store, or a damaged one (${(error as Error).message}); name a file that \`twinhook backup\` made`,
      { cause: error },
    );
  } finally {
    database?.close();
  }
}
