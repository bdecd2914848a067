import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../helpers/free-ports.ts";

/** How often a request is sent through the proxy, while it is measured. */
const EVERY_MS = 20;

/** Whether there is an `haproxy` on the PATH. */
export function hasHaproxy(): boolean {
  try {
    execFileSync("haproxy", ["-v"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** HAProxy before the same two instances: the second only serves while the checks of the first fail. */
export class Haproxy {
  #child: ChildProcess;
  #directory: string;
  #url: string;

  private constructor(child: ChildProcess, directory: string, url: string) {
    this.#child = child;
    this.#directory = directory;
    this.#url = url;
  }

  static async start(first: string, second: string): Promise<Haproxy> {
    const directory = mkdtempSync(join(tmpdir(), "twinhook-haproxy-"));
    const port = await freePort();
    writeFileSync(
      join(directory, "haproxy.cfg"),
      `defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 10s
listen twins
  bind 127.0.0.1:${port}
  option httpchk GET /readyz
  default-server inter 1s fall 3
  server first ${new URL(first).host} check
  server second ${new URL(second).host} check backup
`,
    );
    const child = spawn("haproxy", ["-db", "-f", join(directory, "haproxy.cfg")], { stdio: "ignore" });
    const proxy = new Haproxy(child, directory, `http://127.0.0.1:${port}`);
    await proxy.untilServedBy("primary");
    return proxy;
  }

  /** Resolves once a request through the proxy was answered by this instance. */
  async untilServedBy(instance: string): Promise<void> {
    while ((await this.#ask()) !== instance) await sleep(EVERY_MS);
  }

  /** Sends requests all the time; resolves when one sent from now on was answered by `instance`. */
  async firstServedBy(instance: string): Promise<void> {
    let served = false;
    while (!served) {
      // A request that hangs must not hold back the next.
      void this.#ask().then((by) => {
        served ||= by === instance;
      });
      await sleep(EVERY_MS);
    }
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #ask(): Promise<string | undefined> {
    try {
      const response = await fetch(`${this.#url}/livez`, { signal: AbortSignal.timeout(10_000) });
      const body = (await response.json()) as { instance?: string };
      return response.ok ? body.instance : undefined;
    } catch {
      return undefined;
    }
  }
}
