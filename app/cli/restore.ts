import { existsSync, linkSync, mkdirSync, realpathSync, renameSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { isoTime } from "../clock.ts";
import type { Config } from "../config/load.ts";
import { lockDirectory, OsLock } from "../run/os-lock.ts";
import { holdersOf } from "../store/sqlite/open-files.ts";
import { namesOf } from "../store/sqlite/put-back.ts";
import { LOCK_WAIT_MS, storeIn } from "../store/sqlite/store-file.ts";
import { syncFile } from "../store/sync-file.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import type { CommonOptions } from "./options.ts";
import { withoutPassword } from "./postgres-address.ts";
import { configOf } from "./settings.ts";
import { printJson, type Terminal } from "./terminal.ts";

/** How long processes that have the store open may take to end. */
const HOLDERS_LIMIT_MS = 2_000;

/**
 * `twinhook restore FILE`: puts a backup in the store's place, while no instance runs. The store so far is kept
 * beside it.
 */
export async function restore(terminal: Terminal, name: string, { json }: CommonOptions): Promise<number> {
  const file = resolve(name);
  const config = await configOf(terminal);
  const { store: address } = config;
  if (address.engine !== "sqlite") {
    const url = withoutPassword(address.url);
    throw new CommandFailure(
      EXIT.failed,
      `the store is PostgreSQL: stop the instances of every host, then pg_restore --clean --if-exists --dbname=${url} ${name}`,
    );
  }
  if (!existsSync(file)) throw new CommandFailure(EXIT.failed, `there is no file ${file}`);
  // The name may be a link to the store's disk.
  const path = existsSync(address.path) ? realpathSync(address.path) : address.path;
  if (realpathSync(file) === path) throw new CommandFailure(EXIT.failed, `${file} is the store itself`);
  const { newest } = storeIn(file);
  // No instance can start until this process has ended.
  const locks = await keepInstancesOut(config, path);
  try {
    const kept = await putInPlace(file, path, terminal.interrupted("ignored"));
    const holds_until = isoTime(newest);
    if (json) printJson(terminal, { store: path, kept, holds_until });
    else terminal.write(`${report(path, kept, holds_until)}\n`);
    return EXIT.done;
  } finally {
    for (const lock of locks) lock.release();
  }
}

/** Takes the names of all instances, so that none runs or starts. @throws {CommandFailure} when one runs. */
async function keepInstancesOut({ instances, stateDirectory }: Config, path: string): Promise<OsLock[]> {
  const locks: OsLock[] = [];
  const refuse = (what: string) => {
    for (const lock of locks) lock.release();
    throw new CommandFailure(
      EXIT.failed,
      `${what}; stop the service first (systemctl stop twinhook), nothing was changed`,
    );
  };
  for (const { name } of instances) {
    const lock = OsLock.tryAcquire(lockDirectory(stateDirectory), `instance ${name}`);
    if (lock) locks.push(lock);
    else refuse(`the instance ${name} runs`);
  }
  // Runners outlive their instances, and record what their command does.
  let holders = holdersOf(path);
  // Idle runners end a moment after their instance.
  for (
    const until = performance.now() + HOLDERS_LIMIT_MS;
    holders.length > 0 && performance.now() < until;
  ) {
    await sleep(100);
    holders = holdersOf(path);
  }
  if (holders.length > 0)
    refuse(
      `the store is open in process ${holders.join(", ")} (a deployment may be running: wait for its end)`,
    );
  return locks;
}

/**
 * Puts a clean copy of `file` at `path`. Returns where the files so far are kept; null where there were none.
 * @throws {CommandFailure} when the signal aborts before anything was changed.
 */
async function putInPlace(file: string, path: string, signal: AbortSignal): Promise<string | null> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const copy = `${path}.restored-${process.pid}`;
  const source = new DatabaseSync(file, { readOnly: true, timeout: LOCK_WAIT_MS });
  try {
    source.prepare("VACUUM INTO ?").run(copy);
    syncFile(copy);
    // Ctrl-C is heard only now, and never in the steps that follow.
    await nextTurn();
    if (signal.aborted) throw new CommandFailure(EXIT.interrupted, "interrupted; nothing was changed");
    const kept = existsSync(path)
      ? `${path}.before-${new Date().toISOString().replaceAll(/[:.]/g, "-")}`
      : null;
    if (kept !== null) {
      emptyLog(path);
      linkSync(path, kept);
    }
    // A log that stayed would be taken for the copy's.
    for (const [index, log] of namesOf(path).entries())
      if (index > 0 && existsSync(log)) renameSync(log, namesOf(kept ?? `${path}.before`)[index] as string);
    renameSync(copy, path);
    syncFile(dirname(path));
    return kept;
  } finally {
    source.close();
    rmSync(copy, { force: true });
  }
}

/** Moves what is only in the log into the database. A damaged store is kept as it is. */
function emptyLog(path: string): void {
  try {
    const database = new DatabaseSync(path);
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    database.close();
  } catch {
    // Its files are kept all the same.
  }
}

function report(path: string, kept: string | null, holdsUntil: string | null): string {
  return [
    `${path} is the backup now${kept === null ? "" : `; what it held is kept as ${kept}`}.`,
    `Its newest delivery is of ${holdsUntil ?? "never"}. When the instances start, they ask GitHub for what came after:`,
    "  - events of the last 3 days that the backup does not have (GitHub's delivery log);",
    "  - completed runs of the last 72 hours, and requests that Actions parked at GitHub.",
    "What was deployed after the backup counts as new: the newest run of each target is deployed again,",
    "and with `queue: all` every run, in order. Requests that instances alone knew are lost: ask again.",
  ].join("\n");
}
