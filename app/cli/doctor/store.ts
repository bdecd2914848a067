import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { sql } from "kysely";
import { StoreTooNewError } from "../../store/errors.ts";
import { SCHEMA_VERSION } from "../../store/schema-version.ts";
import { LOCK_WAIT_MS } from "../../store/sqlite/store-file.ts";
import type { Store } from "../../store/store.ts";
import { withStore } from "../stored.ts";
import { type Finding, failed, ok, warning } from "./finding.ts";
import { inMiB, type Machine, sizeOf } from "./machine.ts";
import type { Patient } from "./patient.ts";

const MIB = 1024 ** 2;
/** Less free space than this is soon used up. */
const LOW_BYTES = 1_024 * MIB;
const EMPTY_BYTES = 128 * MIB;
/** Every accepted request waits for the disk: a slower one makes GitHub wait. */
const SLOW_SYNC_MS = 50;
const TOO_SLOW_SYNC_MS = 500;
/** The log is emptied at 4 MiB, unless a reader keeps it. */
const LARGE_WAL_BYTES = 256 * MIB;
const COMMIT_LIMIT_MS = 5_000;

/** The store: its disk, its files, its schema, and whether it can commit. */
export async function checkStore(patient: Patient): Promise<Finding[]> {
  const { config, machine } = patient;
  const { store } = config;
  if (store.engine === "sqlite") {
    const disk = checkDisk(dirname(store.path), machine);
    if (!existsSync(store.path)) return [...disk, ok("store", `${store.path} is made at the first start`)];
    const file = checkFile(store.path);
    // Nothing may be written to a damaged file.
    return file.some(({ status }) => status === "failed")
      ? [...disk, ...file]
      : [...disk, ...file, await checkCommit(patient)];
  }
  return [...checkDisk(config.stateDirectory, machine), await checkCommit(patient)];
}

function checkDisk(directory: string, { freeBytes, syncMs }: Machine): Finding[] {
  const near = [directory, dirname(directory)].find((place) => existsSync(place)) ?? "/";
  const free = freeBytes(near);
  const space = `${inMiB(free)} are free in ${near}`;
  const remedy = "free some space on this disk, or shorten retention in twinhook.yml";
  const findings = [
    free < EMPTY_BYTES
      ? failed("disk", space, remedy)
      : free < LOW_BYTES
        ? warning("disk", space, remedy)
        : ok("disk", space),
  ];
  try {
    const ms = syncMs(directory);
    const found = `the disk takes ${ms.toFixed(1)} ms to make a write durable`;
    const faster = "move the store to a local SSD, or find out what else writes to this disk";
    findings.push(
      ms > TOO_SLOW_SYNC_MS
        ? failed("fsync", found, faster)
        : ms > SLOW_SYNC_MS
          ? warning("fsync", found, faster)
          : ok("fsync", found),
    );
  } catch (error) {
    findings.push(
      failed(
        "fsync",
        `${directory} cannot be written to (${(error as NodeJS.ErrnoException).code})`,
        `run this as the user of the service, and give that user the folder: chown -R USER ${directory}`,
      ),
    );
  }
  return findings;
}

function checkFile(path: string): Finding[] {
  const findings: Finding[] = [];
  if (((statSync(path).mode ?? 0) & 0o077) !== 0)
    findings.push(warning("store", `other users of this machine may read ${path}`, `chmod 600 ${path}`));
  const wal = sizeOf(`${path}-wal`);
  if (wal > LARGE_WAL_BYTES)
    findings.push(
      warning(
        "write-ahead log",
        `${path}-wal has ${inMiB(wal)}: a process reads the store without an end`,
        `fuser ${path} names the processes that have it open; end the one that is none of Twinhook's`,
      ),
    );
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: LOCK_WAIT_MS });
    const problems = database.prepare("PRAGMA quick_check(1)").all() as { quick_check: string }[];
    if (problems[0]?.quick_check !== "ok")
      findings.push(
        failed(
          "store",
          `${path} is damaged: ${problems[0]?.quick_check}`,
          "stop the service, restore a backup (twinhook restore FILE), and check the disk",
        ),
      );
    const found = database.prepare("SELECT version, min_code_version FROM twinhook_version").get() as
      | { version: number; min_code_version: number }
      | undefined;
    if (found) findings.push(checkSchema(found));
  } catch (error) {
    findings.push(
      failed(
        "store",
        `${path} is no Twinhook store, or a damaged one (${(error as Error).message})`,
        "correct store in twinhook.yml, or restore a backup: twinhook restore FILE",
      ),
    );
  } finally {
    database?.close();
  }
  return findings;
}

function checkSchema(found: { version: number; min_code_version: number }): Finding {
  const { version, min_code_version } = found;
  if (min_code_version > SCHEMA_VERSION)
    return failed(
      "schema",
      new StoreTooNewError(found, SCHEMA_VERSION).message.split(";")[0] as string,
      "install the newer release of Twinhook again",
    );
  if (version < SCHEMA_VERSION)
    return warning(
      "schema",
      `the store has schema ${version}, this release ${SCHEMA_VERSION}`,
      "systemctl restart twinhook migrates it, as twinhook migrate does",
    );
  return ok("schema", `${version}`);
}

async function checkCommit({ config }: Patient): Promise<Finding> {
  try {
    return await withStore(config, async (store) => {
      await store.probe(COMMIT_LIMIT_MS);
      return (await forgetful(store)) ?? ok("store", "it can commit");
    });
  } catch (error) {
    // The message ends with the remedy.
    const [found = "", ...remedy] = (error as Error).message.split("; ");
    return failed("store", found, remedy.join("; ") || "check that the database runs and can be reached");
  }
}

/** A server that may lose what it has committed. */
async function forgetful(store: Store): Promise<Finding | null> {
  if (!store.can.rowLocks) return null;
  for (const name of ["fsync", "full_page_writes"]) {
    const { rows } = await sql<{ value: string }>`select current_setting(${name}) as value`.execute(
      store.read,
    );
    if (rows[0]?.value === "off")
      return failed(
        "store",
        `the database server has ${name} = off, so a power failure loses what was accepted`,
        `set ${name} = on in postgresql.conf, and reload the server`,
      );
  }
  return null;
}
