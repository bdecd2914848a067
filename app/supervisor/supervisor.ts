import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { hostname } from "node:os";
import type { Logger } from "pino";
import { formatDuration } from "../../shared/format-duration.ts";
import { mainFile } from "../bundle/entry-points.ts";
import type { Clock } from "../clock.ts";
import { compileCache } from "../config/compile-cache.ts";
import { localUrl } from "../config/listen-address.ts";
import { type Config, configWarnings } from "../config/load.ts";
import { UNUSABLE } from "../config/problem.ts";
import type { InstanceConfig } from "../config/schema.ts";
import { identify, isStopped } from "../run/process-identity.ts";
import { untilFrozen } from "./liveness.ts";
import type { Systemd } from "./systemd.ts";

/** The pause before a restart: doubled each time, up to the limit. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 15_000;
/** An instance that lived this long has started well; its next pause is the first one again. */
const SETTLED_MS = 30_000;
/**
 * Node's options for an instance. Payloads are large and short-lived. A small young generation costs a few
 * more collections and keeps the memory of the process constant.
 */
export const INSTANCE_OPTIONS = [
  "--disable-warning=ExperimentalWarning",
  "--max-semi-space-size=4",
  "--initial-old-space-size=48",
  "--heap-growing-percent=50",
] as const;
/** How long instances have to stop by themselves. */
export const STOP_LIMIT_MS = 25_000;
/** An instance that ignores the message to stop gets a signal after this time. */
const HEARD_LIMIT_MS = 2_000;

/** Messages from the supervisor to each instance of its host. */
export type FromSupervisor =
  /** All instances are stopping, so none takes another's place. */
  | { type: "stop_all" }
  /** The process of another instance has ended, and why. */
  | { type: "ended"; instance: string; reason: string };

/**
 * Starts every instance of this host as a process of its own. Restarts one that dies, for ever, and kills one
 * that is frozen. SIGTERM and SIGINT stop all instances together; the promise resolves when they have ended.
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
  const local = config.instances.filter(({ host }) => host === undefined || host === hostname());
  if (local.length === 0)
    throw new Error(
      `no instance in ${config.file} has the host ${hostname()}; correct \`host\`, or this host's name`,
    );
  const abort = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.on(signal, () => {
      if (!abort.signal.aborted) {
        log.info({ signal }, "stopping all instances");
        systemd.stopping();
      }
      abort.abort();
    });
  const cached = {
    // Set here, so that the cache also covers the modules that an instance loads first.
    NODE_COMPILE_CACHE: compileCache(config.stateDirectory),
    ...env,
  };
  const running = new Map<string, ChildProcess>();
  const wereUp = new Set<string>();
  const onUp = (name: string) => {
    wereUp.add(name);
    systemd.status(`${wereUp.size} of ${local.length} instances have started`);
    if (wereUp.size === local.length) systemd.ready();
  };
  await Promise.all(
    local.map((instance) =>
      keepRunning(instance, { env: cached, log, clock, signal: abort.signal, running, onUp }),
    ),
  );
}

async function keepRunning(
  instance: InstanceConfig,
  {
    env,
    log,
    clock,
    signal,
    running,
    onUp,
  }: {
    env: NodeJS.ProcessEnv;
    log: Logger;
    clock: Clock;
    signal: AbortSignal;
    /** The processes of all instances, by name. */
    running: Map<string, ChildProcess>;
    /** Called whenever an instance has started. */
    onUp: (name: string) => void;
  },
): Promise<void> {
  const { name } = instance;
  let pause = FIRST_PAUSE_MS;
  const rest = async () => {
    await clock.sleep(pause, signal).catch(() => {});
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  };
  while (!signal.aborted) {
    const startedAt = clock.monotonic();
    let child: ChildProcess;
    try {
      child = fork(mainFile("app"), ["--instance", name], {
        // A session of its own, so that Ctrl-C reaches the instance once, through the supervisor.
        detached: true,
        stdio: ["ignore", "inherit", "inherit", "ipc"],
        env,
        execArgv: [...INSTANCE_OPTIONS],
      });
    } catch (error) {
      log.error(
        { name, err: error, pauseMs: pause },
        `cannot start a process, retry in ${formatDuration(pause)}`,
      );
      await rest();
      continue;
    }
    const identity = identify(child.pid as number);
    log.info({ name, pid: child.pid }, "instance started");
    running.set(name, child);
    const stop = () => {
      tell(child, { type: "stop_all" });
      setTimeout(() => child.kill("SIGTERM"), HEARD_LIMIT_MS).unref();
      setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS).unref();
    };
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    const watch = new AbortController();
    untilFrozen(localUrl(instance), {
      clock,
      signal: AbortSignal.any([signal, watch.signal]),
      isStopped: () => identity !== undefined && isStopped(identity),
      onUp: () => {
        log.info({ name, pid: child.pid }, "instance is up");
        onUp(name);
      },
    }).then(
      (reason) => {
        log.error({ name, pid: child.pid }, `instance is frozen, killing it: ${reason}`);
        child.kill("SIGKILL");
      },
      () => {},
    );
    // If no process could be made, "error" comes instead of "exit" and gives the reason.
    const [exitCode, endedBy] = await once(child, "exit").catch((error) => [error.code, null]);
    watch.abort();
    running.delete(name);
    signal.removeEventListener("abort", stop);
    if (signal.aborted) break;

    const reason = whyEnded(exitCode, endedBy);
    for (const other of running.values()) tell(other, { type: "ended", instance: name, reason });
    if (clock.monotonic() - startedAt > SETTLED_MS) pause = FIRST_PAUSE_MS;
    log.error(
      { name, exitCode, signal: endedBy, pauseMs: pause },
      exitCode === UNUSABLE
        ? `instance died: it refused its configuration; restart in ${formatDuration(pause)}`
        : `instance died, restart in ${formatDuration(pause)}`,
    );
    await rest();
  }
  log.info({ name }, "instance stopped");
}

function tell(child: ChildProcess, message: FromSupervisor): void {
  // A process that is gone or does not listen needs no message; a signal follows where it matters.
  if (child.connected) child.send(message, () => {});
}

/** Why a process ended, in words for the other instances. */
function whyEnded(exitCode: number | string | null, signal: string | null): string {
  if (exitCode === UNUSABLE)
    return `it refused its configuration (exit code ${UNUSABLE}): its log and \`npm run check\` say why`;
  return `its process is gone (${signal ?? `exit code ${exitCode}`})`;
}
