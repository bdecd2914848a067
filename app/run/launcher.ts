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
  /** The variables whose values may be secrets. */
  secret: ReadonlySet<string>;
  /** In octal, such as `0022`. */
  umask: string;
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
  launch(launch: Launch): void {
    this.#child.stdin?.end(scriptOf(launch));
  }

  /** Lets a shell end that is not needed. */
  dismiss(): void {
    this.#child.stdin?.end();
  }
}

/** What a shell exports by itself, be it dash, bash or busybox. */
const ADDED_BY_SHELLS = ["PWD", "OLDPWD", "SHLVL", "_"];
/** What a shell does not let be set, or takes to be meant for itself. */
const OF_SHELLS =
  /^(_|BASH.*|COMP_.*|DIRSTACK|E?UID|ENV|FC.*|FUNCNAME|GLOBIGNORE|GROUPS|HIST.*|HOSTNAME|IFS|LANG|LC_.*|LINENO|MAIL.*|OLDPWD|OPT(ARG|ERR|IND)|PATH|PIPESTATUS|POSIXLY_CORRECT|PPID|PROMPT.*|PS\d|PWD|RANDOM|REPLY|SECONDS|SHELL.*|SHLVL|SRANDOM|TERM|TIMEFORMAT|TMOUT)$/;

/**
 * The script by which a shell becomes the command. What may be secret it exports, since everybody on the host can
 * read a command line, and auditing may keep it. The rest is for the program `env`, since a shell adds variables of
 * its own, and has some that cannot be set.
 */
export function scriptOf({ argv, directory, environment, secret, umask }: Launch): string {
  const isExported = ([name]: [string, string]) => secret.has(name) && !OF_SHELLS.test(name);
  const variables = Object.entries(environment);
  const exported = variables.filter(isExported).map(([name, value]) => `export ${name}=${quote(value)}`);
  const assigned = variables
    .filter((variable) => !isExported(variable))
    .map(([name, value]) => quote(`${name}=${value}`));
  const removed = ADDED_BY_SHELLS.map((name) => `-u ${name}`);
  const command = ["exec", "/usr/bin/env", ...removed, ...assigned, ...argv.map(quote), "</dev/null"];
  return [`umask ${umask}`, `cd ${quote(directory)} || exit 127`, ...exported, command.join(" "), ""].join(
    "\n",
  );
}

/** One word for a POSIX shell, whatever it holds. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
