import { statSync } from "node:fs";
import { counted } from "../../../shared/counted.ts";
import { ENV_FILE } from "../../config/environment/env-file.ts";
import { missingCredentials } from "../../config/environment/environment.ts";
import { type Config, configWarnings, loadConfig } from "../../config/load.ts";
import { ConfigError, formatProblem } from "../../config/problem.ts";
import { environmentOf } from "../settings.ts";
import type { Terminal } from "../terminal.ts";
import { type Finding, failed, ok, warning } from "./finding.ts";
import type { Machine } from "./machine.ts";

/** The first release of Node.js that runs Twinhook. */
const NODE = 24;

/** Node.js, `.env` and the configuration, which is null where it cannot be used. */
export async function checkConfiguration(
  terminal: Terminal,
  { nodeVersion }: Machine,
): Promise<{ findings: Finding[]; config: Config | null; env: NodeJS.ProcessEnv }> {
  const findings = [checkNode(nodeVersion), ...checkSecrecy()];
  let env = terminal.env;
  try {
    env = environmentOf(terminal);
    const config = loadConfig(env);
    const missing = missingCredentials(config.environment);
    if (missing.length > 0) throw new ConfigError(missing);
    const { instances, targets } = config;
    const warnings = configWarnings(config);
    for (const text of warnings) {
      const [found = text, ...remedy] = text.split("; ");
      findings.push(warning("configuration", found, remedy.join("; ") || `change it in ${config.file}`));
    }
    if (warnings.length === 0)
      findings.push(
        ok(
          "configuration",
          `${config.file}: ${counted(instances.length, "instance")}, ${counted(targets.length, "target")}`,
        ),
      );
    if (targets.length === 0)
      findings.push(
        warning(
          "targets",
          "there is none, so nothing is deployed",
          `add one below targets in ${config.file}`,
        ),
      );
    if (config.environment.adminToken === null)
      findings.push(
        warning(
          "admin token",
          "TWINHOOK_ADMIN_TOKEN is not set, so commands cannot ask the instances",
          "openssl rand -hex 32 makes one; put it into .env, then twinhook reload",
        ),
      );
    return { findings, config, env };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { remedy, ...problem } of error.problems)
      findings.push(
        failed("configuration", formatProblem(problem), remedy ?? "twinhook.example.yml shows every key"),
      );
    return { findings, config: null, env };
  }
}

function checkNode(version: string): Finding {
  const found = `Node.js ${version}`;
  return Number.parseInt(version, 10) >= NODE
    ? ok("Node.js", found)
    : failed("Node.js", found, `install Node.js ${NODE} or later; npm ci brings one`);
}

/** Others on this machine must not read the App's secrets. */
function checkSecrecy(): Finding[] {
  const mode = statSync(ENV_FILE, { throwIfNoEntry: false })?.mode;
  if (mode === undefined) return [];
  return (mode & 0o077) === 0
    ? [ok(ENV_FILE, "only its owner may read it")]
    : [failed(ENV_FILE, "other users of this machine may read the secrets in it", `chmod 600 ${ENV_FILE}`)];
}
