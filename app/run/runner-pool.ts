import { execaNode } from "execa";
import type { Logger } from "pino";
import { inheritedEnvironment } from "./command-environment.ts";
import type { FromRunner, Job, Preparation } from "./messages.ts";

/** A runner process of this instance, as the pool sees it. */
interface Runner {
  send(message: Preparation | Job): void;
  /** What to do with its messages and its end, while it has a job. */
  onMessage: ((message: FromRunner) => void) | undefined;
  onExit: (() => void) | undefined;
  alive: boolean;
}

/** How a job went, as far as this instance saw it. */
export type JobResult = "nothing" | "occupied" | "locked" | "ended";

/** Keeps one runner process warm, so that a deployment starts without waiting for a process to load. */
export class RunnerPool {
  #preparation: Preparation;
  #log: Logger;
  #spare: Runner[] = [];
  #closed = false;

  constructor(preparation: Preparation, log: Logger) {
    this.#preparation = preparation;
    this.#log = log;
    this.#spare.push(this.#spawn());
  }

  /** Has a runner run the next deployment of the job's target; resolves when it is free again, or has ended. */
  run(job: Job): Promise<JobResult> {
    const runner = this.#spare.pop() ?? this.#spawn();
    return new Promise((resolve) => {
      let result: JobResult = "ended";
      runner.onExit = () => resolve(result);
      runner.onMessage = (message) => {
        if (message.type === "started") {
          this.#log.info(
            { deployment: message.deploymentId, attempt: message.attempt },
            "deployment started",
          );
          this.#refill();
        } else if (message.type === "finished")
          this.#log.info({ deployment: message.deploymentId, status: message.status }, "deployment ended");
        else if (message.type === "idle") {
          result = message.because;
          runner.onMessage = runner.onExit = undefined;
          if (!this.#closed && this.#spare.length === 0) this.#spare.push(runner);
          else runner.send = () => {};
          resolve(result);
        }
      };
      runner.send(job);
    });
  }

  /** Lets go of all runners: idle ones end by themselves, busy ones finish what they do. */
  close(): void {
    this.#closed = true;
  }

  #refill(): void {
    if (!this.#closed && this.#spare.length === 0) this.#spare.push(this.#spawn());
  }

  #spawn(): Runner {
    const child = execaNode(new URL("./runner.ts", import.meta.url), {
      // No secret of the App's: whoever may read the runner's environment finds none.
      env: inheritedEnvironment(process.env),
      extendEnv: false,
      detached: true,
      cleanup: false,
      stdio: "ignore",
      ipc: true,
      buffer: false,
      reject: false,
      nodeOptions: ["--disable-warning=ExperimentalWarning"],
    });
    const runner: Runner = {
      send: (message) => void child.sendMessage(message as never).catch(() => {}),
      onMessage: undefined,
      onExit: undefined,
      alive: true,
    };
    child.on("message", (message) => {
      const from = message as FromRunner;
      if (from.type === "error") this.#log.error({ runner: child.pid }, from.message);
      runner.onMessage?.(from);
    });
    child.on("exit", () => {
      runner.alive = false;
      this.#spare = this.#spare.filter((spare) => spare !== runner);
      runner.onExit?.();
    });
    runner.send(this.#preparation);
    return runner;
  }
}
