/** The command line: one instance (`--instance NAME`), all of this host's (no argument), or a check (`--check`). */
import { enableCompileCache, flushCompileCache } from "node:module";
import { parseArgs } from "node:util";
import { counted } from "../shared/counted.ts";
import { systemClock } from "./clock.ts";
import { compileCache } from "./config/compile-cache.ts";
import { addEnvFile, ENV_FILE } from "./config/env-file.ts";
import { isFirstRun, missingCredentials } from "./config/environment.ts";
import { configWarnings, loadConfig } from "./config/load.ts";
import { ConfigError, UNUSABLE } from "./config/problem.ts";
import type { Instance } from "./instance/instance.ts";
import { createLog } from "./log.ts";
import { keepFilesPrivate } from "./run/private-files.ts";
import type { FromSupervisor } from "./supervisor/supervisor.ts";
import { VERSION } from "./version.ts";

const USAGE = `Usage: node app/main.ts [--instance NAME] [--check] [--help] [--version]

  (nothing)         start every instance of this host, each as a process of its own; where there is no GitHub App
                    yet (no APP_ID and no private key), first serve the setup page that makes one
  --instance NAME   start one instance (or set TWINHOOK_INSTANCE)
  --check           check the configuration and the environment, and do nothing else

The configuration is twinhook.yml, or the file that TWINHOOK_CONFIG names.`;

async function main(): Promise<void> {
  keepFilesPrivate(process.env);
  const { values } = parseArgs({
    options: {
      instance: { type: "string" },
      check: { type: "boolean" },
      help: { type: "boolean", short: "h" },
      version: { type: "boolean", short: "v" },
    },
  });
  if (values.help) return console.log(USAGE);
  if (values.version) return console.log(VERSION);

  // Instances read the file themselves, so that one that is started again has what it says by then.
  const handedOn = { ...process.env };
  addEnvFile(process.env, ENV_FILE);
  const name = values.instance ?? process.env.TWINHOOK_INSTANCE;
  if (name === undefined && !values.check && isFirstRun(process.env)) {
    const log = createLog(process.env.LOG_LEVEL || "info", null);
    const { firstRun } = await import("./setup/first-run.ts");
    await firstRun({ env: process.env, clock: systemClock, log, print: (line) => console.log(line) });
    addEnvFile(process.env, ENV_FILE);
  }
  const config = loadConfig(process.env);
  const missing = missingCredentials(config.environment);
  if (missing.length > 0) throw new ConfigError(missing);
  if (values.check) {
    for (const warning of configWarnings(config)) console.log(`warning: ${warning}`);
    const { instances, targets } = config;
    return console.log(
      `${config.file} is right: ${counted(instances.length, "instance")}, ${counted(targets.length, "target")}`,
    );
  }

  const log = createLog(config.environment.logLevel, name ?? null);
  // Each kind of process loads only its own modules: most of the cost of a start is loading.
  if (name === undefined) {
    const { startAll } = await import("./supervisor/supervisor.ts");
    return startAll({ config, env: handedOn, log, clock: systemClock });
  }
  if (!config.instances.some((instance) => instance.name === name))
    throw new ConfigError([
      {
        file: "command line",
        key: "--instance",
        expected: config.instances.map((i) => i.name).join(" or "),
        got: name,
      },
    ]);
  for (const warning of configWarnings(config)) log.warn(warning);
  let instance: Instance | undefined;
  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, "shutting down");
    // Before it listens it has accepted nothing.
    if (!instance) process.exit(signal === "disconnect" ? 1 : 0);
    instance.stop({ all: signal === "stop of all" }).then(
      () => process.exit(0),
      (error) => {
        log.error({ err: error }, "shutting down failed");
        process.exit(1);
      },
    );
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop(signal));
  process.on("message", (message: FromSupervisor) => {
    if (message.type === "stop_all") stop("stop of all");
    else if (message.type === "ended") instance?.peerEnded(message.instance, message.reason);
  });
  // The supervisor went without a word, perhaps before this was loaded: its instances must not stay behind unwatched.
  process.on("disconnect", () => stop("disconnect"));
  if (process.connected === false) stop("disconnect");
  // Its runners use it as well.
  process.env.NODE_COMPILE_CACHE ||= compileCache(config.stateDirectory);
  enableCompileCache(process.env.NODE_COMPILE_CACHE);
  const { startInstance } = await import("./instance/instance.ts");
  instance = await startInstance({ config, name, clock: systemClock, log, env: process.env });
  // Now, since an instance may be killed.
  flushCompileCache();
}

main().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  console.error(`twinhook: ${message}`);
  const badArguments = (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS");
  if (badArguments) console.error(USAGE);
  process.exit(error instanceof ConfigError || badArguments ? UNUSABLE : 1);
});
