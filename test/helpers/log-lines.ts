import { EventEmitter } from "node:events";

/** One line of an instance's log, parsed. */
export type LogLine = { msg?: string; level?: string } & Record<string, unknown>;

/** What an instance has logged so far, and a way to wait for more. */
export class LogLines {
  readonly all: LogLine[] = [];
  /** Everything that was printed, to search for what must not be there. */
  output = "";
  #events = new EventEmitter().setMaxListeners(0);
  #ended = false;

  add(text: string): void {
    this.output += `${text}\n`;
    let line: LogLine = { msg: text };
    try {
      line = JSON.parse(text) as LogLine;
    } catch {
      // Plain text, such as an error at start.
    }
    this.all.push(line);
    this.#events.emit("line", line);
  }

  /** No further line will come. */
  end(): void {
    this.#ended = true;
    this.#events.emit("end");
  }

  /** Resolves with the first line, past or future, that `wanted` accepts. */
  async first(wanted: (line: LogLine) => boolean, timeoutMs: number): Promise<LogLine> {
    const past = this.all.find(wanted);
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
      const onEnd = () => fail("it ended without the expected line");
      const timer = setTimeout(() => fail(`no such line within ${timeoutMs} ms`), timeoutMs);
      this.#events.on("line", onLine);
      this.#events.on("end", onEnd);
      if (this.#ended) onEnd();
    });
  }
}
