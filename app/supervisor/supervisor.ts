import { closeSync, openSync } from "node:fs";
import { hostname } from "node:os";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { fixedInInstance, fixedInService, localInstances } from "../config/checks/running-service.ts";
import { compileCache } from "../config/compile-cache.ts";
import { type Config, configWarnings, loadService } from "../config/load.ts";
import { ConfigError, type ConfigProblem } from "../config/problem.ts";
import type { InstanceConfig } from "../config/schema.ts";
import { SUPERVISOR } from "../run/service-record.ts";
import { Keeper } from "./keeper.ts";
import { checkBy, currentRelease, type Release } from "./release.ts";
import { Requests } from "./requests.ts";
import type { Systemd } from "./systemd.ts";

/**
 * Starts every instance of this host as a process of its own. Restarts one that dies, for ever, and kills one
 * that is frozen. SIGTERM and SIGINT stop all instances together; the promise resolves when they have ended.
 * SIGHUP makes them read the configuration anew, SIGUSR2 restarts one after the other.
 * When an instance ends, the others learn the reason.
 */
export async function startAll({
  config,
  env,
  log,
  clock,
  systemd,
}: {
  config: Config;
  /** The environment of the instances, before the `.env` file adds to it. */
  env: NodeJS.ProcessEnv;
  log: Logger;
  clock: Clock;
  systemd: Systemd;
}): Promise<void> {
  for (const warning of configWarnings(config)) log.warn(warning);
  const local = localInstances(config);
  if (local.length === 0)
    throw new Error(
      `no instance in ${config.file} has the host ${hostname()}; correct \`host\`, or this host's name`,
    );
  const abort = new AbortController();
  const stop = (signal: string) => {
    if (!abort.signal.aborted) {
      log.info({ signal }, "stopping all instances");
      systemd.stopping();
    }
    abort.abort();
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, stop);
  const wereUp = new Set<string>();
  const onUp = (name: string) => {
    wereUp.add(name);
    systemd.status(`${wereUp.size} of ${local.length} instances have started`);
    if (wereUp.size === local.length) systemd.ready();
  };
  const service = new Service({ config, env, log, clock, signal: abort.signal, onUp });
  const requests = new Requests({ stateDirectory: config.stateDirectory, name: SUPERVISOR, log });
  process.on("SIGHUP", () => {
    if (isTerminalGone()) stop("SIGHUP");
    else void requests.run("reload", () => service.reload());
  });
  process.on("SIGUSR2", () => void requests.run("restart", () => service.restart()));
  for (const instance of local) service.add(instance);
  await service.ended();
}

/** Whether the signal comes from a terminal that was closed, and not from a person. */
function isTerminalGone(): boolean {
  if (!process.stdin.isTTY) return false;
  try {
    closeSync(openSync("/dev/tty", "r"));
    return false;
  } catch {
    return true;
  }
}

/** The instances of this host. */
class Service {
  #config: Config;
  /** What new instances are started from. */
  #release: Release = currentRelease();
  #base: NodeJS.ProcessEnv;
  #log: Logger;
  #clock: Clock;
  #signal: AbortSignal;
  #onUp: (name: string) => void;
  #keepers = new Map<string, Keeper>();
  #running = new Set<Promise<void>>();

  constructor(options: {
    config: Config;
    env: NodeJS.ProcessEnv;
    log: Logger;
    clock: Clock;
    signal: AbortSignal;
    /** Called whenever an instance has started. */
    onUp: (name: string) => void;
  }) {
    this.#config = options.config;
    this.#base = options.env;
    this.#log = options.log;
    this.#clock = options.clock;
    this.#signal = options.signal;
    this.#onUp = options.onUp;
  }

  /** Starts an instance, and keeps it running. */
  add(instance: InstanceConfig): void {
    const keeper = new Keeper(instance, this.#release, {
      // Set here, so that the cache also covers the modules that an instance loads first.
      env: { NODE_COMPILE_CACHE: compileCache(this.#config.stateDirectory), ...this.#base },
      log: this.#log,
      clock: this.#clock,
      signal: this.#signal,
      onUp: this.#onUp,
      onEnded: (name, reason) => {
        for (const other of this.#keepers.values())
          if (other.name !== name) other.tell({ type: "ended", instance: name, reason });
      },
    });
    this.#keepers.set(instance.name, keeper);
    const run = keeper.run().finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Resolves when no instance runs any more. */
  async ended(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /**
   * Makes every instance take the configuration as it is now, one after the other. A configuration that cannot be
   * used changes nothing.
   */
  async reload(): Promise<void> {
    const next = this.#read(fixedInInstance);
    for (const { name } of localInstances(next)) await this.#keepers.get(name)?.reload();
    this.#config = next;
  }

  /**
   * Starts every instance anew, one after the other, and those that the configuration names since. All start from the
   * release that this service's path leads to by now, if that release accepts the configuration.
   */
  async restart(): Promise<void> {
    const release = currentRelease();
    const next = this.#read(fixedInService);
    if (release.main !== this.#release.main) await checkBy(release, this.#base);
    const wanted = localInstances(next);
    this.#config = next;
    this.#release = release;
    for (const [name, keeper] of this.#keepers)
      if (!wanted.some((instance) => instance.name === name)) {
        this.#keepers.delete(name);
        keeper.remove();
      }
    // The preferred one last: GitHub then moves once, and not back and forth.
    for (const instance of wanted.toReversed()) {
      const keeper = this.#keepers.get(instance.name);
      if (keeper) await keeper.restart(instance, release);
      else this.add(instance);
    }
  }

  /** @throws {ConfigError} when the configuration is wrong, or says what cannot be taken over this way. */
  #read(fixed: (now: Config, next: Config) => ConfigProblem[]): Config {
    const { config } = loadService(this.#base);
    const problems = fixed(this.#config, config);
    if (problems.length > 0) throw new ConfigError(problems);
    for (const warning of configWarnings(config)) this.#log.warn(warning);
    return config;
  }
}
