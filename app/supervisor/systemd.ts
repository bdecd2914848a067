import { spawn } from "node:child_process";

/**
 * Tells systemd what this process is about, where a unit with `Type=notify` started it; elsewhere does nothing.
 * It takes the variables of systemd out of `env`, so that no child process speaks for this one.
 */
export class Systemd {
  readonly #env: { NOTIFY_SOCKET: string; PATH: string | undefined } | null;
  /** The pause between signs of life (ms), or null where systemd does not wait for any. */
  readonly #watchdogMs: number | null;
  #isReady = false;

  constructor(env: NodeJS.ProcessEnv) {
    const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, PATH } = env;
    this.#env = NOTIFY_SOCKET ? { NOTIFY_SOCKET, PATH } : null;
    const watched = WATCHDOG_USEC !== undefined && [undefined, String(process.pid)].includes(WATCHDOG_PID);
    // Three signs within the time, so that one may be late.
    this.#watchdogMs = watched ? Number(WATCHDOG_USEC) / 1_000 / 3 : null;
    for (const name of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]) delete env[name];
  }

  /** Everything that this process is to start has started. From now on systemd waits for signs of life. */
  ready(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#tell("READY=1");
    if (this.#watchdogMs !== null) setInterval(() => this.#tell("WATCHDOG=1"), this.#watchdogMs).unref();
  }

  /** Shows a sentence in `systemctl status`. */
  status(text: string): void {
    this.#tell(`STATUS=${text}`);
  }

  /** This process is about to end by itself. */
  stopping(): void {
    this.#tell("STOPPING=1");
  }

  /** By a program of systemd's own, since Node has no datagram sockets of Unix. */
  #tell(message: string): void {
    if (this.#env === null) return;
    spawn("systemd-notify", [message], { env: this.#env, stdio: "ignore" }).on("error", (error) =>
      process.emitWarning(`systemd was not told ${message}: ${error.message}`),
    );
  }
}
