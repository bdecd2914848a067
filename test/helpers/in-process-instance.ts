import { type Clock, systemClock } from "../../app/clock.ts";
import { loadConfig, loadService } from "../../app/config/load.ts";
import { type Instance, startInstance } from "../../app/instance/running-instance.ts";
import { createLog } from "../../app/log.ts";
import { type LogLine, LogLines } from "./log-lines.ts";
import { PATIENCE_MS } from "./patience.ts";
import type { ProcessEnd, StartedInstance } from "./process.ts";

/**
 * An instance in the test's own process: all of it is real, but that it cannot be killed or frozen. It costs a
 * fraction of a process's start, so that tests of what instances answer use it.
 */
export class InProcessInstance implements StartedInstance {
  readonly ended: Promise<ProcessEnd>;
  #log: LogLines;
  /** What `startInstance` returned. */
  readonly instance: Instance;
  #end = Promise.withResolvers<ProcessEnd>();
  #stopping = false;

  private constructor(log: LogLines, instance: Instance) {
    this.#log = log;
    this.instance = instance;
    this.ended = this.#end.promise;
  }

  /** Starts the instance `name` of the configuration that `env` names. Resolves when it listens. */
  static async start(
    name: string,
    env: NodeJS.ProcessEnv,
    clock: Clock = systemClock,
  ): Promise<InProcessInstance> {
    const lines = new LogLines();
    const config = loadConfig(env);
    const log = createLog(config.environment.logLevel, name, { write: (text) => lines.add(text.trimEnd()) });
    // Threads and a waiting worker cost more than most tests. Tests with processes have both.
    const instance = await startInstance({ config, name, clock, log, env, isFrugal: true });
    return new InProcessInstance(lines, instance);
  }

  get lines(): readonly LogLine[] {
    return this.#log.all;
  }

  get output(): string {
    return this.#log.output;
  }

  line(wanted: (line: LogLine) => boolean, timeoutMs = PATIENCE_MS): Promise<LogLine> {
    return this.#log.first(wanted, timeoutMs);
  }

  /** Takes the configuration as it is now, as SIGHUP would. */
  reload(env: NodeJS.ProcessEnv): Promise<void> {
    return this.instance.reload(loadService(env));
  }

  /** Stops it as SIGTERM would, whatever the signal: the process is the test's own. */
  kill(): Promise<ProcessEnd> {
    return this.#stop({ all: false });
  }

  /** Stops it as the supervisor does when it stops all instances of the host. */
  stopWithAll(): Promise<ProcessEnd> {
    return this.#stop({ all: true });
  }

  async #stop(how: { all: boolean }): Promise<ProcessEnd> {
    if (!this.#stopping) {
      this.#stopping = true;
      await this.instance.stop(how);
      this.#log.end();
      this.#end.resolve({ code: 0, signal: null });
    }
    return this.ended;
  }
}
