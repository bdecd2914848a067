import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type LogLine, LogLines } from "./log-lines.ts";
import { mayStartProcesses } from "./may-start-processes.ts";
import { PATIENCE_MS } from "./patience.ts";

export type { LogLine };

/** How a process ended. */
export interface ProcessEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** An instance that a test started: its log, and its end. */
export interface StartedInstance {
  readonly lines: readonly LogLine[];
  /** Everything that it printed, to search for what must not be there. */
  readonly output: string;
  readonly ended: Promise<ProcessEnd>;
  /** Resolves with the first log line, past or future, that `wanted` accepts. */
  line(wanted: (line: LogLine) => boolean, timeoutMs?: number): Promise<LogLine>;
  /** Ends it and waits for its end. */
  kill(signal?: NodeJS.Signals): Promise<ProcessEnd>;
}

/** A process of the App's that a test started. */
export class AppProcess implements StartedInstance {
  readonly child: ChildProcess;
  readonly ended: Promise<ProcessEnd>;
  #log = new LogLines();

  constructor(
    args: readonly string[],
    options: { cwd: string; env: NodeJS.ProcessEnv },
    /** A command that runs another one in its own place, with its arguments. */
    through: readonly string[] = [],
  ) {
    mayStartProcesses();
    const [command, ...rest] = [...through, process.execPath, ...args];
    this.child = spawn(command as string, rest, {
      ...options,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      if (stream) createInterface({ input: stream }).on("line", (text) => this.#log.add(text));
    // Not at its exit: what it printed last may not have been read by then.
    this.ended = once(this.child, "close").then(([code, signal]) => ({ code, signal }));
    void this.ended.then(() => this.#log.end());
  }

  get pid(): number {
    return this.child.pid as number;
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

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<ProcessEnd> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    return this.ended;
  }
}
