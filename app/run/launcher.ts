import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, constants, openSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import { promisify } from "node:util";
import { identify, type ProcessIdentity } from "./process-identity.ts";

/** The command to start, with all that it needs. */
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
 * A shell that waits to become a command. It is started before there is a deployment. A runner's fork costs
 * several milliseconds (0.05 ms for each MiB in memory, as measured).
 * Its pid, session and process group become the command's. So they are recorded before anything is claimed.
 * If its runner dies, its standard input ends, and the shell ends too.
 */
export class Launcher {
  readonly identity: ProcessIdentity;
  /** The descriptor from which to read the command's output. */
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
    // A killed shell is noticed by its exit.
    child.stdin?.on("error", () => {});
  }

  /**
   * Starts the shell, and makes the named pipe at `pipe`. The command will write both streams into it, so
   * that they keep their order. `/dev/stderr` can be opened: Node's own pipes are sockets, which cannot be.
   * Writing to it with `>` cuts nothing off, as it would with a file.
   */
  static async begin(pipe: string): Promise<Launcher> {
    await promisify(execFile)("mkfifo", ["-m", "600", pipe]);
    // The order matters: opening a pipe for writing blocks until it has a reader.
    const output = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const input = openSync(pipe, constants.O_WRONLY);
    const child = spawn("/bin/sh", ["-s"], {
      cwd: "/",
      env: {},
      stdio: ["pipe", input, input],
      // The command gets a session and process group of its own. It can outlive the runner.
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

  /** Turns the shell into the command. The shell writes its own errors into the command's output. */
  launch(launch: Launch): void {
    this.#child.stdin?.end(scriptOf(launch));
  }

  /** Ends a shell that is not needed. */
  dismiss(): void {
    this.#child.stdin?.end();
  }
}

/** Variables that a shell exports by itself: dash, bash or busybox. */
const ADDED_BY_SHELLS = ["PWD", "OLDPWD", "SHLVL", "_"];
/** Variables that a shell does not let scripts set, or uses itself. */
const OF_SHELLS =
  /^(_|BASH.*|COMP_.*|DIRSTACK|E?UID|ENV|FC.*|FUNCNAME|GLOBIGNORE|GROUPS|HIST.*|HOSTNAME|IFS|LANG|LC_.*|LINENO|MAIL.*|OLDPWD|OPT(ARG|ERR|IND)|PATH|PIPESTATUS|POSIXLY_CORRECT|PPID|PROMPT.*|PS\d|PWD|RANDOM|REPLY|SECONDS|SHELL.*|SHLVL|SRANDOM|TERM|TIMEFORMAT|TMOUT)$/;

/** Of these, the ones that dash sets like any other variable. */
const PLAIN_IN_DASH = /^(LANG|LC_.*|PATH|TERM)$/;
/** The names that a shell can set. */
const SETTABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Whether /bin/sh is dash, which can leave exactly the wanted environment. Bash adds `_` to every one. */
const HAS_DASH = basename(realpathSync("/bin/sh")) === "dash";

/**
 * The script that turns the shell into the command. It exports the variables that may be secret. Everybody on
 * the host can read a command line, and auditing may keep it. The program `env` gets the rest, since a shell
 * adds variables of its own, and cannot set some. Dash does without `env` where it can set all: one program less
 * to start takes a millisecond off.
 */
export function scriptOf(
  { argv, directory, environment, secret, umask }: Launch,
  isDash: boolean = HAS_DASH,
): string {
  const variables = Object.entries(environment);
  const isPlain = ([name]: [string, string]) =>
    SETTABLE.test(name) && (!OF_SHELLS.test(name) || PLAIN_IN_DASH.test(name));
  const isDirect = isDash && variables.every(isPlain);
  const isExported = ([name]: [string, string]) => isDirect || (secret.has(name) && !OF_SHELLS.test(name));
  const exported = variables.filter(isExported).map(([name, value]) => `export ${name}=${quote(value)}`);
  const assigned = variables
    .filter((variable) => !isExported(variable))
    .map(([name, value]) => quote(`${name}=${value}`));
  const removed = ADDED_BY_SHELLS.map((name) => `-u ${name}`);
  const command = [
    ...(isDirect ? ["unset PWD OLDPWD; exec"] : ["exec", "/usr/bin/env", ...removed, ...assigned]),
    ...[...argv.map(quote), "</dev/null"],
  ];
  return [`umask ${umask}`, `cd ${quote(directory)} || exit 127`, ...exported, command.join(" "), ""].join(
    "\n",
  );
}

/** Quotes any text as one word for a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
