import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { promisify } from "node:util";
import { identify, type ProcessIdentity } from "./process-identity.ts";

/** What a command is started with. */
export interface Launch {
  argv: readonly [string, ...string[]];
  directory: string;
  /** The whole environment; nothing is inherited. */
  environment: Record<string, string>;
}

/** How a process ended. */
export interface ProcessEnd {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
}

/**
 * A shell, begun before there is work, that waits to become a command: forking a process as large as a runner
 * costs several milliseconds (0.05 for each MiB in memory, as measured), of which this leaves nothing to be
 * waited for. It has the pid, session and process group that the command will have, so that these are known,
 * and noted, before anything is claimed. If its runner dies, its standard input ends, and so does it.
 */
export class Launcher {
  readonly identity: ProcessIdentity;
  /** The descriptor to read what the command writes from. */
  readonly output: number;
  /** Resolves when the shell, or the command that it became, has ended. */
  readonly ended: Promise<ProcessEnd>;
  #child: ChildProcess;

  private constructor(child: ChildProcess, identity: ProcessIdentity, output: number) {
    this.#child = child;
    this.identity = identity;
    this.output = output;
    this.ended = new Promise((resolve) => {
      child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
    });
    // A shell that was killed tells by its end.
    child.stdin?.on("error", () => {});
  }

  /**
   * Begins the shell. The command will write both streams into the named pipe at `pipe`, which is made here. So
   * they keep their order; `/dev/stderr` can be opened (Node's own pipes are sockets, which cannot be), and
   * writing to it with `>` cuts nothing off (as it would with a file).
   */
  static async begin(pipe: string): Promise<Launcher> {
    await promisify(execFile)("mkfifo", ["-m", "600", pipe]);
    // In this order, since a pipe without a reader cannot be opened for writing without waiting.
    const output = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const input = openSync(pipe, constants.O_WRONLY);
    const child = spawn("/bin/sh", ["-s"], {
      cwd: "/",
      env: {},
      stdio: ["pipe", input, input],
      // A session and process group of its own, which outlives the runner if it must.
      detached: true,
    });
    closeSync(input);
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    if (!identity) {
      closeSync(output);
      throw new Error("the shell that starts commands, /bin/sh, could not be started");
    }
    return new Launcher(child, identity, output);
  }

  /** Turns the shell into the command. What it cannot do the shell says in the command's output. */
  launch({ argv, directory, environment }: Launch): void {
    const assignments = Object.entries(environment).map(([name, value]) => quote(`${name}=${value}`));
    // The program `env`, since a shell adds variables of its own, and has some that cannot be set.
    const command = ["exec", "/usr/bin/env", "-i", ...assignments, ...argv.map(quote), "</dev/null"];
    this.#child.stdin?.end(`cd ${quote(directory)} || exit 127\n${command.join(" ")}\n`);
  }

  /** Lets a shell end that is not needed. */
  dismiss(): void {
    this.#child.stdin?.end();
  }
}

/** One word for a POSIX shell, whatever it holds. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
