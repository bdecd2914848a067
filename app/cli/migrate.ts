import { systemClock } from "../clock.ts";
import type { Config } from "../config/load.ts";
import { openStore } from "../store/open-store.ts";
import { SCHEMA_VERSION } from "../store/schema-version.ts";
import { EXIT } from "./failure.ts";
import type { CommonOptions } from "./options.ts";
import { configOf } from "./settings.ts";
import { printJson, type Terminal } from "./terminal.ts";

/** `twinhook migrate`: brings the store to this release's schema. Instances may run: old code can live with it. */
export async function migrateStore(terminal: Terminal, { json }: CommonOptions): Promise<number> {
  const config = await configOf(terminal);
  const from = await versionOf(config);
  terminal.progress("migrating the store …");
  await (await openStore(config.store, { clock: systemClock, threads: false })).close();
  const to = Math.max(from ?? 0, SCHEMA_VERSION);
  if (json) printJson(terminal, { from, to });
  else
    terminal.write(
      from === to
        ? `the store has schema ${to} already\n`
        : `the store has schema ${to}; it had ${from ?? "none"}\n`,
    );
  return EXIT.done;
}

/** The schema of the store; null where there is none yet. */
async function versionOf({ store: address }: Config): Promise<number | null> {
  // Reading creates nothing.
  const store = await openStore(address, { clock: systemClock, forRunner: true }).catch(() => null);
  try {
    const row = await store?.read.selectFrom("twinhook_version").select("version").executeTakeFirst();
    return row?.version ?? null;
  } catch {
    return null;
  } finally {
    await store?.close();
  }
}
