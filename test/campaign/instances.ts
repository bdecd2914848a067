import type { AppProcess } from "../helpers/process.ts";
import type { TestHost } from "../helpers/test-host.ts";

export type InstanceName = "primary" | "backup";
const NAMES = ["primary", "backup"] as const;

/** Both twins, each started again right away when it was killed. */
export class Instances {
  /** Instances that ended although nobody killed them, with the end of what they said. */
  readonly diedByThemselves: string[] = [];
  #host: TestHost;
  #running = new Map<InstanceName, AppProcess>();
  #killed = new Set<AppProcess>();
  #frozen = new Set<AppProcess>();
  #stopping = false;

  constructor(host: TestHost) {
    this.#host = host;
  }

  /** Starts both, and resolves when they listen. */
  async start(): Promise<void> {
    await Promise.all(NAMES.map((name) => this.#spawn(name).line(({ msg }) => msg === "listening")));
  }

  /** Kills it, wherever it is in its life; resolves when it has ended and the next one is on its way. */
  async kill(name: InstanceName): Promise<void> {
    const running = this.#running.get(name);
    if (!running) return;
    this.#killed.add(running);
    await running.kill("SIGKILL");
  }

  /** Stops it wherever it is, with SIGSTOP. The result lets it go on. */
  freeze(name: InstanceName): () => void {
    const running = this.#running.get(name);
    if (!running) return () => {};
    this.#frozen.add(running);
    running.child.kill("SIGSTOP");
    return () => void running.child.kill("SIGCONT");
  }

  /** Asks both to stop, and resolves when they have. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#running.values()].map((running) => running.kill("SIGTERM")));
  }

  #spawn(name: InstanceName): AppProcess {
    const started = this.#host.spawn(["--instance", name]);
    this.#running.set(name, started);
    void started.ended.then(({ code, signal }) => {
      if (this.#stopping) {
        // Asked while it was still being loaded, it ends by the signal itself.
        if (code !== 0 && signal !== "SIGTERM")
          this.diedByThemselves.push(`${name} stopped with code ${code}, signal ${signal}`);
        return;
      }
      // Its twin ends one that is frozen while it holds the store's lock.
      const endedByTwin = this.#frozen.has(started) && signal === "SIGKILL";
      if (!this.#killed.has(started) && !endedByTwin)
        this.diedByThemselves.push(`${name}: code ${code}, signal ${signal}: ${started.output.slice(-2000)}`);
      this.#spawn(name);
    });
    return started;
  }
}
