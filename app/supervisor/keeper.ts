import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Logger } from "pino";
import { formatDuration } from "../../shared/format-duration.ts";
import type { Clock } from "../clock.ts";
import { localUrl } from "../config/listen-address.ts";
import { UNUSABLE } from "../config/problem.ts";
import type { InstanceConfig } from "../config/schema.ts";
import { identify, isStopped } from "../run/process-identity.ts";
import { untilFrozen } from "./liveness.ts";
import type { FromSupervisor, ToSupervisor } from "./messages.ts";
import type { Release } from "./release.ts";

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
  "--v8-pool-size=1",
  "--initial-old-space-size=48",
  "--heap-growing-percent=50",
] as const;
/** How long instances have to stop by themselves. */
export const STOP_LIMIT_MS = 25_000;
/** An instance that ignores the message to stop gets a signal after this time. */
const HEARD_LIMIT_MS = 2_000;

/** A planned restart: the former process ends, and the new one comes up. */
interface Restart {
  formerEnded: boolean;
  up: PromiseWithResolvers<void>;
}

/** Keeps the process of one instance running: restarts one that dies, for ever, and kills one that is frozen. */
export class Keeper {
  readonly name: string;
  #instance: InstanceConfig;
  /** What the process is started from. It changes by a planned restart alone. */
  #release: Release;
  #env: NodeJS.ProcessEnv;
  #log: Logger;
  #clock: Clock;
  /** Aborts when every instance of the host stops. */
  #stopAll: AbortSignal;
  #onUp: (name: string) => void;
  #onEnded: (name: string, reason: string) => void;
  #child: ChildProcess | undefined;
  #restart: Restart | undefined;
  #removed = false;
  #pause = FIRST_PAUSE_MS;

  constructor(
    instance: InstanceConfig,
    release: Release,
    options: {
      env: NodeJS.ProcessEnv;
      log: Logger;
      clock: Clock;
      signal: AbortSignal;
      /** Called whenever the process has started and answers. */
      onUp: (name: string) => void;
      /** Called when the process has ended and nobody had planned it. */
      onEnded: (name: string, reason: string) => void;
    },
  ) {
    this.name = instance.name;
    this.#instance = instance;
    this.#release = release;
    this.#env = options.env;
    this.#log = options.log;
    this.#clock = options.clock;
    this.#stopAll = options.signal;
    this.#onUp = options.onUp;
    this.#onEnded = options.onEnded;
  }

  /** Tells the process something, if there is one. */
  tell(message: FromSupervisor): void {
    // A process that is gone or does not listen needs no message; a signal follows where it matters.
    if (this.#child?.connected) this.#child.send(message, () => {});
  }

  /**
   * Makes the process read the configuration again. A process that does not run yet reads it when it starts.
   * @throws {Error} when the instance refuses it.
   */
  async reload(): Promise<void> {
    const answer = await this.#ask({ type: "reload" }, "reloaded");
    if (answer && answer.problems.length > 0)
      throw new Error(`${this.name} did not take the new configuration: ${answer.problems.join("; ")}`);
  }

  /**
   * Stops the process, which hands over first, and starts another from this release. Resolves when that one answers.
   * @throws {Error} when it ends before that. The instance is then started from its former release again.
   */
  async restart(instance: InstanceConfig, release: Release): Promise<void> {
    const former = this.#release;
    await this.#ask({ type: "await_another" }, "replaceable");
    this.#instance = instance;
    this.#release = release;
    const up = Promise.withResolvers<void>();
    this.#restart = { formerEnded: this.#child === undefined, up };
    this.#stop();
    try {
      await up.promise;
    } catch (error) {
      this.#release = former;
      throw error;
    } finally {
      this.#restart = undefined;
    }
  }

  /** Stops the process for good: the configuration does not name the instance any more. */
  remove(): void {
    this.#removed = true;
    this.#stop();
  }

  /** Runs until every instance stops, or this one is removed. */
  async run(): Promise<void> {
    while (!this.#stopAll.aborted && !this.#removed) await this.#runOnce();
    this.#log.info({ name: this.name }, "instance stopped");
  }

  /** Starts the process and waits for its end, and for the pause after it. */
  async #runOnce(): Promise<void> {
    const { name } = this;
    const log = this.#log;
    const startedAt = this.#clock.monotonic();
    let child: ChildProcess;
    try {
      child = fork(this.#release.main, ["--instance", name], {
        execPath: this.#release.node,
        // A session of its own, so that Ctrl-C reaches the instance once, through the supervisor.
        detached: true,
        stdio: ["ignore", "inherit", "inherit", "ipc"],
        env: this.#env,
        execArgv: [...INSTANCE_OPTIONS],
      });
    } catch (error) {
      log.error(
        { name, err: error, pauseMs: this.#pause },
        `cannot start a process, retry in ${formatDuration(this.#pause)}`,
      );
      await this.#rest();
      return;
    }
    this.#child = child;
    log.info({ name, pid: child.pid, main: this.#release.main }, "instance started");
    const stop = () => {
      this.tell({ type: "stop_all" });
      setTimeout(() => child.kill("SIGTERM"), HEARD_LIMIT_MS).unref();
      setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS).unref();
    };
    this.#stopAll.addEventListener("abort", stop);
    if (this.#stopAll.aborted) stop();
    const watch = new AbortController();
    this.#watch(child, watch.signal);
    // If no process could be made, "error" comes instead of "exit" and gives the reason.
    const [exitCode, endedBy] = await once(child, "exit").catch((error) => [error.code, null]);
    watch.abort();
    this.#child = undefined;
    this.#stopAll.removeEventListener("abort", stop);
    const restart = this.#restart;
    if (this.#stopAll.aborted || this.#removed) {
      restart?.up.reject(new Error("the service is stopping"));
      return;
    }
    if (restart && !restart.formerEnded) {
      restart.formerEnded = true;
      log.info({ name }, "instance stopped, to be started again");
      return;
    }
    const reason = whyEnded(exitCode, endedBy);
    restart?.up.reject(new Error(`${name} did not start again: ${reason}; its log says more`));
    this.#onEnded(name, reason);
    if (this.#clock.monotonic() - startedAt > SETTLED_MS) this.#pause = FIRST_PAUSE_MS;
    const pause = formatDuration(this.#pause);
    log.error(
      { name, exitCode, signal: endedBy, pauseMs: this.#pause },
      exitCode === UNUSABLE
        ? `instance died: it refused its configuration; restart in ${pause}`
        : `instance died, restart in ${pause}`,
    );
    await this.#rest();
  }

  #watch(child: ChildProcess, signal: AbortSignal): void {
    const { name } = this;
    const identity = identify(child.pid as number);
    untilFrozen(localUrl(this.#instance), {
      clock: this.#clock,
      signal: AbortSignal.any([this.#stopAll, signal]),
      isStopped: () => identity !== undefined && isStopped(identity),
      onUp: () => {
        this.#log.info({ name, pid: child.pid }, "instance is up");
        this.#onUp(name);
        if (this.#restart?.formerEnded) this.#restart.up.resolve();
      },
    }).then(
      (reason) => {
        this.#log.error({ name, pid: child.pid }, `instance is frozen, killing it: ${reason}`);
        child.kill("SIGKILL");
      },
      () => {},
    );
  }

  async #rest(): Promise<void> {
    await this.#clock.sleep(this.#pause, this.#stopAll).catch(() => {});
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
  }

  /** Stops the process alone: it hands over to another one. */
  #stop(): void {
    const child = this.#child;
    child?.kill("SIGTERM");
    setTimeout(() => child?.kill("SIGKILL"), STOP_LIMIT_MS).unref();
  }

  /** Sends a message, and resolves with the answer; undefined where there is no process, or it ends before. */
  #ask<T extends ToSupervisor["type"]>(
    message: FromSupervisor,
    answer: T,
  ): Promise<Extract<ToSupervisor, { type: T }> | undefined> {
    const child = this.#child;
    if (!child) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const end = (found?: Extract<ToSupervisor, { type: T }>) => {
        child.off("message", hear);
        child.off("exit", gone);
        resolve(found);
      };
      const gone = () => end();
      const hear = (said: unknown) => {
        if ((said as ToSupervisor).type === answer) end(said as Extract<ToSupervisor, { type: T }>);
      };
      child.on("message", hear);
      child.once("exit", gone);
      this.tell(message);
    });
  }
}

/** Why a process ended, in words for the other instances. */
function whyEnded(exitCode: number | string | null, signal: string | null): string {
  if (exitCode === UNUSABLE)
    return `it refused its configuration (exit code ${UNUSABLE}): its log and \`npm run check\` say why`;
  return `its process is gone (${signal ?? `exit code ${exitCode}`})`;
}
