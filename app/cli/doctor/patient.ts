import type { Config } from "../../config/load.ts";
import type { CommonOptions } from "../options.ts";
import type { Terminal } from "../terminal.ts";
import type { Machine } from "./machine.ts";

/** What the checks look at. */
export interface Patient {
  terminal: Terminal;
  options: CommonOptions;
  machine: Machine;
  /** The variables as the service has them. */
  env: NodeJS.ProcessEnv;
  config: Config;
}
