import { counted } from "../../shared/counted.ts";
import { missingCredentials } from "../config/environment/environment.ts";
import { type Config, configWarnings } from "../config/load.ts";
import { ConfigError, UNUSABLE } from "../config/problem.ts";
import { EXIT } from "./failure.ts";
import type { CommonOptions } from "./options.ts";
import { configOf } from "./settings.ts";
import { withStore } from "./stored.ts";
import { printJson, type Terminal } from "./terminal.ts";

/** `twinhook check`: everything that is wrong with the configuration and the environment. */
export async function check(terminal: Terminal, { json }: CommonOptions): Promise<number> {
  try {
    const config = await configOf(terminal);
    const missing = missingCredentials(config.environment);
    if (missing.length > 0) throw new ConfigError(missing);
    const { file, instances, targets } = config;
    const warnings = [...configWarnings(config), ...(await storeWarnings(config))];
    if (json)
      printJson(terminal, {
        ...{ file, problems: [], warnings },
        ...{ instances: instances.length, targets: targets.length },
      });
    else {
      for (const warning of warnings) terminal.write(`warning: ${warning}\n`);
      const sizes = `${counted(instances.length, "instance")}, ${counted(targets.length, "target")}`;
      terminal.write(`${file} is right: ${sizes}\n`);
    }
    return EXIT.done;
  } catch (error) {
    if (!json || !(error instanceof ConfigError)) throw error;
    printJson(terminal, { problems: error.problems, warnings: [] });
    return UNUSABLE;
  }
}

/**
 * Connects to PostgreSQL, which may be down for the moment: a warning.
 * @throws {ConfigError} when a connection pooler answers at its address.
 */
async function storeWarnings({ file, store }: Config): Promise<string[]> {
  if (store.engine !== "postgres") return [];
  try {
    await withStore({ store }, async () => {});
    return [];
  } catch (error) {
    const { name, message, reason } = error as Error & { reason?: string };
    if (name !== "StoreUnavailableError") throw error;
    if (reason !== "pooled") return [message];
    throw new ConfigError([
      {
        ...{ file, key: "store", got: "that of a connection pooler" },
        expected: "PostgreSQL's own address, also in DATABASE_URL",
        remedy:
          "name the server itself: an instance keeps at most 9 connections to it, and a running command 3",
      },
    ]);
  }
}
