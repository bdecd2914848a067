import { addEnvFile, ENV_FILE } from "../config/environment/env-file.ts";
import type { Config } from "../config/load.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import type { CommonOptions } from "./options.ts";
import type { Terminal } from "./terminal.ts";

/** The environment as the service has it: the process's own variables, and those of `.env`. */
export function environmentOf({ env }: Terminal): NodeJS.ProcessEnv {
  const all = { ...env };
  try {
    addEnvFile(all, ENV_FILE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
    throw new CommandFailure(
      EXIT.notAllowed,
      `only its owner may read ${ENV_FILE}: run the command as the user of the service (sudo -u), or give --url and --token`,
    );
  }
  return all;
}

/**
 * The configuration that the service would find.
 * @throws {ConfigError} that lists every problem.
 */
export async function configOf(terminal: Terminal): Promise<Config> {
  // Its schema is most of what a command loads.
  const { loadConfig } = await import("../config/load.ts");
  return loadConfig(environmentOf(terminal));
}

/** The admin token that the command sends; undefined where there is none. */
export function tokenOf(terminal: Terminal, { token }: CommonOptions): string | undefined {
  return token ?? (environmentOf(terminal).TWINHOOK_ADMIN_TOKEN?.trim() || undefined);
}
