import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createInterface } from "node:readline";

/** One line of a process's log, parsed. */
export type LogLine = { msg?: string; level?: string } & Record<string, unknown>;

/** A process of the App's that a test started: its log, and its end. */
export class AppProcess {
  readonly child: ChildProcess;
  readonly lines: LogLine[] = [];
  /** Everything that it printed, to search for what must not be there. */
  output = "";
  #events = new EventEmitter();
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  constructor(
    args: readonly string[],
    options: { cwd: string; env: NodeJS.ProcessEnv },
    /** A command that runs another one in its own place, with its arguments. */
    through: readonly string[] = [],
  ) {
    this.#events.setMaxListeners(0);
    const [command, ...rest] = [
      ...through,
      process.execPath,
      "--disable-warning=ExperimentalWarning",
      ...args,
    ];
    this.child = spawn(command as string, rest, {
      ...options,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      if (stream)
        createInterface({ input: stream }).on("line", (text) => {
          this.output += `${text}\n`;
          let line: LogLine = { msg: text };
          try {
            line = JSON.parse(text) as LogLine;
          } catch {
            // Plain text, such as an error at start.
          }
          this.lines.push(line);
          this.#events.emit("line", line);
        });
    this.ended = once(this.child, "exit").then(([code, signal]) => ({ code, signal }));
    void this.ended.then((end) => this.#events.emit("end", end));
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** Resolves with the first log line, past or future, that `wanted` accepts. */
  async line(wanted: (line: LogLine) => boolean, timeoutMs = 60_000): Promise<LogLine> {
    const past = this.lines.find(wanted);
    if (past) return past;
    return new Promise((resolve, reject) => {
      const done = (act: () => void) => {
        clearTimeout(timer);
        this.#events.off("line", onLine);
        this.#events.off("end", onEnd);
        act();
      };
      const fail = (why: string) => done(() => reject(new Error(`${why}; its output was:\n${this.output}`)));
      const onLine = (line: LogLine) => {
        if (wanted(line)) done(() => resolve(line));
      };
      const onEnd = () => fail("the process ended without the expected line");
      const timer = setTimeout(() => fail(`no such line within ${timeoutMs} ms`), timeoutMs);
      this.#events.on("line", onLine);
      this.#events.on("end", onEnd);
      if (this.child.exitCode !== null || this.child.signalCode !== null) onEnd();
    });
  }

  /** Ends it and waits for its end. */
  async kill(signal: NodeJS.Signals = "SIGKILL") {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    return this.ended;
  }
}
