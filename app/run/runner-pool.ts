import { type ChildProcess, fork } from "node:child_process";
import type { Logger } from "pino";
import type { Accepted } from "../accept/accepted.ts";
import { newEntryPoint } from "../bundle/entry-points.ts";
import { inheritedEnvironment } from "./command-environment.ts";
import type { FromRunner, Job, JobResult, Preparation, RunProgress } from "./messages.ts";
import { UMASK_VARIABLE } from "./private-files.ts";

/** An idle runner is kept this long for the next deployment; the last one stays. */
const IDLE_MS = 60_000;

/** The first spare runner starts so long after its instance, which needs the processor itself until it is ready. */
const FIRST_SPARE_MS = 3_000;

/** A runner process of this instance, as the pool sees it. */
interface Runner {
  send(message: Preparation | Job): void;
  /** Lets an idle runner end. */
  dismiss(): void;
  /** The handlers of its messages and of its end, while it has a job. */
  onMessage: ((message: FromRunner) => void) | undefined;
  onExit: (() => void) | undefined;
  idleTimer: NodeJS.Timeout | undefined;
  /** Whether it has loaded, and has prepared its next deployment. */
  isReady: boolean;
}

/** Keeps a runner process warm, so that a deployment starts without waiting for a process to load. */
export class RunnerPool {
  #preparation: Preparation;
  #log: Logger;
  #onProgress: (progress: RunProgress) => void;
  #spare: Runner[] = [];
  #closed = false;
  #keepsSpare = false;
  #first: NodeJS.Timeout | undefined;

  constructor(preparation: Preparation, log: Logger, onProgress: (progress: RunProgress) => void = () => {}) {
    this.#preparation = preparation;
    this.#log = log;
    this.#onProgress = onProgress;
  }

  /** Always keeps a spare runner from now on. The first one starts after a while, unless a job comes before. */
  warm(): void {
    this.#keepsSpare = true;
    this.#first = setTimeout(() => {
      if (this.#spare.length === 0) this.#addSpare();
    }, FIRST_SPARE_MS);
  }

  /**
   * Makes a runner run the next deployment of the job's target. Resolves when the runner is free again, or
   * dead. Calls `onAccepted` once it has committed the arrival of the job, or has failed to.
   */
  run(job: Job, onAccepted?: (accepted: Accepted | undefined) => void): Promise<JobResult | "died"> {
    const spare = this.#spare.find(({ isReady }) => isReady) ?? this.#spare.at(-1);
    this.#spare = this.#spare.filter((other) => other !== spare);
    const runner = spare ?? this.#spawn();
    if (!runner) return Promise.resolve("died");
    clearTimeout(runner.idleTimer);
    return new Promise((resolve) => {
      runner.onExit = () => resolve("died");
      runner.onMessage = (message) => {
        if (message.type === "accepted") onAccepted?.(message.accepted);
        if (message.type === "started" || message.type === "ended") this.#onProgress(message);
        if (message.type === "started") {
          this.#log.info(
            { deployment: message.deploymentId, attempt: message.attempt },
            "deployment started",
          );
          if (this.#keepsSpare && !this.#closed && this.#spare.length === 0) this.#addSpare();
        } else if (message.type === "ended")
          this.#log.info({ deployment: message.deploymentId, status: message.status }, "deployment ended");
        else if (message.type === "idle") {
          runner.onMessage = runner.onExit = undefined;
          this.#keep(runner);
          resolve(message.result);
        }
      };
      runner.send(job);
    });
  }

  /** Whether a job would start without a new process. */
  get hasSpare(): boolean {
    return this.#spare.length > 0;
  }

  /** Whether a job would start at once: a spare runner has loaded as well. */
  get hasReady(): boolean {
    return this.#spare.some(({ isReady }) => isReady);
  }

  /** Releases all runners: idle ones end now, busy ones after their job. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#first);
    for (const runner of this.#spare.splice(0)) {
      clearTimeout(runner.idleTimer);
      runner.dismiss();
    }
  }

  #keep(runner: Runner): void {
    if (this.#closed) {
      runner.dismiss();
      return;
    }
    runner.isReady = false;
    this.#spare.push(runner);
    runner.idleTimer = setTimeout(() => {
      if (this.#spare.length <= 1) return;
      this.#spare = this.#spare.filter((spare) => spare !== runner);
      runner.dismiss();
    }, IDLE_MS);
  }

  #addSpare(): void {
    const runner = this.#spawn();
    if (runner) this.#spare.push(runner);
  }

  /** Undefined where no process can be started. */
  #spawn(): Runner | undefined {
    const cache = process.env.NODE_COMPILE_CACHE;
    let child: ChildProcess;
    try {
      child = fork(newEntryPoint("runner"), {
        // The runner's environment holds no secret of the App.
        env: {
          ...inheritedEnvironment(process.env, [UMASK_VARIABLE]),
          ...(cache && { NODE_COMPILE_CACHE: cache }),
        },
        detached: true,
        stdio: ["ignore", "ignore", "ignore", "ipc"],
        execArgv: ["--disable-warning=ExperimentalWarning"],
      });
    } catch (error) {
      this.#log.error(`no worker can be started: ${(error as Error).message}`);
      return undefined;
    }
    const runner: Runner = {
      // A message to a dead runner is lost. A process that got no file descriptor has no channel.
      send: (message) => void child.send?.(message, () => {}),
      dismiss: () => child.connected && child.disconnect(),
      onMessage: undefined,
      onExit: undefined,
      idleTimer: undefined,
      isReady: false,
    };
    child.on("message", (message) => {
      const from = message as FromRunner;
      if (from.type === "ready") runner.isReady = true;
      if (from.type === "error") this.#log.error({ worker: child.pid }, from.message);
      runner.onMessage?.(from);
    });
    const gone = () => {
      this.#spare = this.#spare.filter((spare) => spare !== runner);
      clearTimeout(runner.idleTimer);
      runner.onExit?.();
    };
    child.on("exit", gone);
    child.on("error", (error) => {
      if (child.pid !== undefined) return;
      // A process that could not start sends no `exit` event.
      this.#log.error(`no worker can be started: ${error.message}`);
      gone();
    });
    runner.send(this.#preparation);
    return runner;
  }
}
