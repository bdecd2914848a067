/** The service: one instance, all instances of this host, or a check of what they would start with. */
import { enableCompileCache, flushCompileCache } from "node:module";
import { systemClock } from "./clock.ts";
import { compileCache } from "./config/compile-cache.ts";
import { addEnvFile, ENV_FILE } from "./config/environment/env-file.ts";
import { isFirstRun } from "./config/environment/environment.ts";
import { configWarnings, loadService } from "./config/load.ts";
import { ConfigError } from "./config/problem.ts";
import type { Instance } from "./instance/running-instance.ts";
import { createLog } from "./log.ts";
import { recordOf } from "./run/service-record.ts";
import { shrinkHeapAfterStart } from "./shrink-heap.ts";
import type { FromSupervisor, ToSupervisor } from "./supervisor/messages.ts";
import { Requests } from "./supervisor/requests.ts";
import { Systemd } from "./supervisor/systemd.ts";

/**
 * Starts the instance `name`, or every instance of this host, each as a process of its own. Where there is no
 * GitHub App yet, it first serves the setup page that makes one. Resolves when the instance has started, or
 * when all of them have ended.
 * @throws {ConfigError} when a restart would not help.
 */
export async function startService(instanceName: string | undefined): Promise<void> {
  const systemd = new Systemd(process.env);
  // Instances read the file themselves, so that one that is started again has what it says by then.
  const handedOn = { ...process.env };
  addEnvFile(process.env, ENV_FILE);
  const name = instanceName ?? process.env.TWINHOOK_INSTANCE;
  if (name === undefined && isFirstRun(process.env)) {
    const log = createLog(process.env.LOG_LEVEL || "info", null);
    // People may take long, and systemd would give up.
    systemd.ready();
    const { firstRun } = await import("./setup/first-run.ts");
    await firstRun({ env: process.env, clock: systemClock, log, print: (line) => console.log(line) });
    addEnvFile(process.env, ENV_FILE);
  }
  const { config } = loadService(handedOn);
  const log = createLog(config.environment.logLevel, name ?? null);
  // Each kind of process loads only its own modules: most of the cost of a start is loading.
  if (name === undefined) {
    shrinkHeapAfterStart();
    const { startAll } = await import("./supervisor/supervisor.ts");
    return startAll({ config, env: handedOn, log, clock: systemClock, systemd });
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
    systemd.stopping();
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
  const requests = new Requests({ stateDirectory: config.stateDirectory, name: recordOf(name), log });
  const started = Promise.withResolvers<Instance>();
  const reload = () =>
    requests.run("reload", async () => {
      const running = await started.promise;
      const next = loadService(handedOn);
      for (const warning of configWarnings(next.config)) log.warn(warning);
      await running.reload(next).catch((error: Error) => {
        // Not by its class, whose module belongs to the instance.
        if (error.name === "BrokenReloadError") stop("broken reload");
        throw error;
      });
      log.level = next.config.environment.logLevel;
      // Deployments begin with these variables.
      replaceEnvironment(next.env);
    });
  process.on("SIGHUP", () => void reload());
  const answer = (message: ToSupervisor) => process.connected && process.send?.(message);
  process.on("message", async (message: FromSupervisor) => {
    if (message.type === "stop_all") stop("stop of all");
    else if (message.type === "ended") instance?.peerEnded(message.instance, message.reason);
    else if (message.type === "reload") answer({ type: "reloaded", problems: await reload() });
    else {
      await instance?.untilReplaceable();
      answer({ type: "replaceable" });
    }
  });
  // The supervisor went without a word, perhaps before this was loaded: its instances must not stay behind unwatched.
  process.on("disconnect", () => stop("disconnect"));
  if (process.connected === false) stop("disconnect");
  // Its runners use it as well.
  process.env.NODE_COMPILE_CACHE ||= compileCache(config.stateDirectory);
  enableCompileCache(process.env.NODE_COMPILE_CACHE);
  const { startInstance } = await import("./instance/running-instance.ts");
  instance = await startInstance({ config, name, clock: systemClock, log, env: process.env });
  systemd.ready();
  shrinkHeapAfterStart();
  started.resolve(instance);
  // Now, since an instance may be killed.
  flushCompileCache();
}

/** Gives this process other variables, but for those that it has set itself. */
function replaceEnvironment(env: NodeJS.ProcessEnv): void {
  const { NODE_COMPILE_CACHE } = process.env;
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }, env);
}
