import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const START_LIMIT_MS = 20_000;

/** A server that was started as a process of its own. */
export interface ServerProcess {
  pid: number;
  /** Ends it and resolves when it is gone. */
  end(): Promise<void>;
}

/**
 * Starts a server and resolves as soon as it listens on 127.0.0.1. What it prints goes into a file in its
 * folder, as a service's log does; reading it here would cost time that belongs to the measurement.
 * @throws {Error} with its output, when it ends, or does not listen in time.
 */
export async function startServer(
  file: string,
  args: readonly string[],
  options: { port: number; directory: string; env?: NodeJS.ProcessEnv },
): Promise<ServerProcess> {
  const logFile = join(options.directory, "server.log");
  const log = openSync(logFile, "a");
  const child = spawn(file, args, {
    cwd: options.directory,
    env: options.env ?? process.env,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  const ended = once(child, "exit");
  const until = Date.now() + START_LIMIT_MS;
  while (!(await isListening(options.port))) {
    const gone = child.exitCode !== null || child.signalCode !== null;
    if (gone || Date.now() > until) {
      child.kill("SIGKILL");
      throw new Error(`${file} does not listen; its output was:\n${readFileSync(logFile, "utf8")}`);
    }
    await sleep(25);
  }
  return {
    pid: child.pid as number,
    async end() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await ended;
    },
  };
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
