import type { Terminal } from "../../app/cli/terminal.ts";

/** Takes the place of a terminal: keeps what a command prints. */
export class RecordedTerminal implements Terminal {
  readonly env: NodeJS.ProcessEnv;
  readonly isInteractive: boolean;
  out = "";
  err = "";
  readonly #abort = new AbortController();
  #onProgress: (line: string) => void = () => {};

  constructor(env: NodeJS.ProcessEnv, { isInteractive = false } = {}) {
    this.env = env;
    this.isInteractive = isInteractive;
  }
  write(text: string): void {
    this.out += text;
    this.#onProgress(text);
  }
  note(line: string): void {
    this.err += `${line}\n`;
  }
  progress(line: string): void {
    this.#onProgress(line);
  }
  interrupted(): AbortSignal {
    return this.#abort.signal;
  }
  /** Presses Ctrl-C at the first output or progress line that contains this. */
  interruptAt(part: string): void {
    this.#onProgress = (line) => {
      if (line.includes(part)) this.#abort.abort();
    };
  }
  get json(): unknown {
    return JSON.parse(this.out);
  }
}
