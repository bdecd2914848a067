import { counted } from "../../shared/counted.ts";
import { missingCredentials } from "../config/environment/environment.ts";
import { configWarnings } from "../config/load.ts";
import { ConfigError, UNUSABLE } from "../config/problem.ts";
import { EXIT } from "./failure.ts";
import type { CommonOptions } from "./options.ts";
import { configOf } from "./settings.ts";
import { printJson, type Terminal } from "./terminal.ts";

/** `twinhook check`: everything that is wrong with the configuration and the environment. */
export async function check(terminal: Terminal, { json }: CommonOptions): Promise<number> {
  try {
    const config = await configOf(terminal);
    const missing = missingCredentials(config.environment);
    if (missing.length > 0) throw new ConfigError(missing);
    const { file, instances, targets } = config;
    const warnings = configWarnings(config);
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
