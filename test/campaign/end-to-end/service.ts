import { setTimeout as sleep } from "node:timers/promises";
import { identify, isAlive, type ProcessIdentity } from "../../../app/run/process-identity.ts";
import type { AppProcess } from "../../helpers/process.ts";
import type { TestHost } from "../../helpers/test-host.ts";
import type { InstanceName } from "../instances.ts";

const NAMES = ["primary", "backup"] as const;
/** As systemd does, which starts a service again a moment after its end. */
const PAUSE_MS = 300;

/** The twins of a host, under their supervisor or without it. What ends is started again. */
export class Service {
  readonly #host: TestHost;
  readonly #supervised: boolean;
  readonly #running = new Map<string, AppProcess>();
  #stopping = false;
  #closed = false;

  constructor(host: TestHost, { supervised }: { supervised: boolean }) {
    this.#host = host;
    this.#supervised = supervised;
  }

  /** Starts all, and resolves when both instances listen. */
  async start(): Promise<void> {
    if (this.#closed) return;
    this.#stopping = false;
    for (const name of this.#supervised ? ["supervisor"] : NAMES) this.#spawn(name);
    await Promise.all(NAMES.map((name) => this.#untilListening(name)));
  }

  /** Stops all as a person would, and resolves when they have ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#running.values()].map((running) => running.kill("SIGTERM")));
  }

  /** Stops all for good: a fault that is still under way starts nothing any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.stop();
  }

  /** The process, if it lives. */
  find(name: InstanceName | "supervisor"): ProcessIdentity | undefined {
    if (name === "supervisor" && !this.#supervised) return undefined;
    const process = this.#processOf(name);
    const pid =
      name === "supervisor" || !this.#supervised
        ? process?.pid
        : Number(
            process?.lines.findLast((line) => line.msg === "instance started" && line.name === name)?.pid,
          );
    const found = pid ? identify(pid) : undefined;
    return found && isAlive(found) ? found : undefined;
  }

  /** A fault may end the process meanwhile: then it is the next one's line. */
  async #untilListening(name: InstanceName): Promise<void> {
    while (!this.#stopping)
      try {
        await this.#processOf(name)?.line(({ msg, instance }) => msg === "listening" && instance === name);
        return;
      } catch {
        await sleep(PAUSE_MS);
      }
  }

  #processOf(name: string): AppProcess | undefined {
    return this.#running.get(this.#supervised ? "supervisor" : name);
  }

  #spawn(name: string): void {
    const started = this.#host.spawn(name === "supervisor" ? [] : ["--instance", name]);
    this.#running.set(name, started);
    void started.ended.then(() => {
      setTimeout(() => {
        if (!this.#stopping && this.#running.get(name) === started) this.#spawn(name);
      }, PAUSE_MS);
    });
  }
}
