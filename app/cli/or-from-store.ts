import { existsSync } from "node:fs";
import type { Config } from "../config/load.ts";
import { NoInstanceError } from "./failure.ts";
import type { CommonOptions } from "./options.ts";
import { configOf } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Asks an instance; where none answers, reads the store. `--url` asks for that one instance alone.
 * @throws {NoInstanceError} when no instance answers and the store cannot be read either.
 */
export async function orFromStore<T>(
  terminal: Terminal,
  { url }: CommonOptions,
  ask: () => Promise<T>,
  read: (config: Config) => Promise<T>,
  note = true,
): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof NoInstanceError) || url !== undefined) throw error;
    const config = await configOf(terminal);
    try {
      const found = await read(config);
      if (note)
        terminal.note("no instance answers; this is what the store holds (`twinhook start` starts them)");
      return found;
    } catch (trouble) {
      if ((trouble as Error).name !== "StoreUnavailableError") throw trouble;
      throw new NoInstanceError([
        ...error.causes,
        `and the store: ${missingFile(config) ?? (trouble as Error).message}`,
      ]);
    }
  }
}

/** Says that the store's file is not there, which is how it is before the first start. */
function missingFile({ store }: Config): string | undefined {
  if (store.engine !== "sqlite" || existsSync(store.path)) return undefined;
  return `${store.path} does not exist; the first \`twinhook start\` makes it`;
}
