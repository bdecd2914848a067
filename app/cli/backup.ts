import { chmodSync, existsSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { sql } from "kysely";
import { systemClock } from "../clock.ts";
import { openStore } from "../store/open-store.ts";
import { storeIn } from "../store/sqlite/store-file.ts";
import { syncFile } from "../store/sync-file.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import type { CommonOptions } from "./options.ts";
import { withoutPassword } from "./postgres-address.ts";
import { configOf } from "./settings.ts";
import { printJson, type Terminal } from "./terminal.ts";

/**
 * `twinhook backup FILE`: a copy of all that was acknowledged before it began, made in one read. SQLite's backup
 * API starts over at each commit of another process, so that it never ends on a busy store.
 */
export async function backup(
  terminal: Terminal,
  name: string,
  { json, force }: CommonOptions & { force?: boolean },
): Promise<number> {
  const file = resolve(name);
  const { store: address } = await configOf(terminal);
  if (address.engine !== "sqlite") {
    const url = withoutPassword(address.url);
    throw new CommandFailure(
      EXIT.failed,
      `the store is PostgreSQL, whose own program makes the copy while the instances run: pg_dump --format=custom --file=${name} ${url}`,
    );
  }
  if (existsSync(file) && !force)
    throw new CommandFailure(
      EXIT.failed,
      `${file} exists already; name another file, or replace it with --force`,
    );
  if (!existsSync(dirname(file)))
    throw new CommandFailure(EXIT.failed, `there is no folder ${dirname(file)}; make it first`);
  const signal = terminal.interrupted("ignored");
  signal.addEventListener("abort", () =>
    terminal.progress("interrupted; ending as soon as SQLite lets go …"),
  );
  const began = performance.now();
  const unfinished = `${file}.unfinished-${process.pid}`;
  try {
    // In a thread, so that Ctrl-C is heard.
    const store = await openStore(address, { clock: systemClock, forRunner: true, threads: true });
    terminal.progress(`copying ${address.path} …`);
    try {
      await sql`VACUUM INTO ${unfinished}`.execute(store.read);
    } finally {
      await store.close();
    }
    const { version } = storeIn(unfinished);
    chmodSync(unfinished, 0o600);
    syncFile(unfinished);
    if (signal.aborted) throw new CommandFailure(EXIT.interrupted, "interrupted; no copy was made");
    renameSync(unfinished, file);
    syncFile(dirname(file));
    const took_ms = Math.round(performance.now() - began);
    const bytes = statSync(file).size;
    if (json) printJson(terminal, { file, bytes, schema: version, took_ms });
    else terminal.write(`${file} holds the store: ${bytes} bytes, in ${took_ms} ms\n`);
    return EXIT.done;
  } finally {
    rmSync(unfinished, { force: true });
    rmSync(`${unfinished}-journal`, { force: true });
  }
}
