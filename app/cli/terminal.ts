import { stripVTControlCharacters, styleText } from "node:util";

/** The surroundings of a command, so that tests can take the place of a terminal. */
export interface Terminal {
  env: NodeJS.ProcessEnv;
  /** Writes to standard output. */
  write(text: string): void;
  /** Writes a line for a person to standard error. */
  note(line: string): void;
  /** Whether a person reads the output, so that it has tables and colours. */
  isInteractive: boolean;
  /** Shows what the command waits for, in place of the line before; nothing where nobody watches. */
  progress(line: string): void;
  /**
   * Returns a signal that aborts at Ctrl-C, and when nobody reads the output any more. A second Ctrl-C ends the process,
   * or is ignored by a command that still tidies up its files. Before this call the first one ends the process.
   */
  interrupted(second?: "ends" | "ignored"): AbortSignal;
}

/** The terminal, or whatever else the process is connected to. */
export function systemTerminal(): Terminal {
  const { stdout, stderr } = process;
  const abort = new AbortController();
  let shown = false;
  const clear = () => {
    if (shown) stderr.write("\r\u001b[K");
    shown = false;
  };
  // `twinhook deployments | head -1` is no error. A command that acts goes on.
  for (const stream of [stdout, stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      abort.abort(new ClosedPipe());
    });
  return {
    env: process.env,
    isInteractive: stdout.isTTY === true,
    write(text) {
      clear();
      stdout.write(text);
    },
    note(line) {
      clear();
      stderr.write(`${line}\n`);
    },
    progress(line) {
      if (!stderr.isTTY) return;
      clear();
      stderr.write(line.slice(0, (stderr.columns ?? 80) - 1));
      shown = true;
    },
    interrupted(second = "ends") {
      for (const signal of ["SIGINT", "SIGTERM"] as const)
        process[second === "ends" ? "once" : "on"](signal, () => {
          clear();
          abort.abort();
        });
      return abort.signal;
    },
  };
}

/** The reader of the output has gone away. */
export class ClosedPipe extends Error {
  override readonly name = "ClosedPipe";
}

type Style = Parameters<typeof styleText>[0];

const STYLES: Record<string, Style> = {
  healthy: "green",
  succeeded: "green",
  running: "cyan",
  queued: "cyan",
  degraded: "yellow",
  superseded: "gray",
  cancelled: "yellow",
  unhealthy: "red",
  failed: "red",
};

/** Prints a value as JSON. */
export function printJson(terminal: Terminal, value: unknown): void {
  terminal.write(`${JSON.stringify(value, null, terminal.isInteractive ? 2 : undefined)}\n`);
}

/** Prints rows: a table with a heading for people, else values between tabs, one row a line. */
export function printTable(
  terminal: Terminal,
  heading: readonly string[],
  rows: readonly (readonly (string | number | null | undefined)[])[],
): void {
  const cells = rows.map((row) => row.map(plain));
  if (!terminal.isInteractive) {
    for (const row of cells) terminal.write(`${row.join("\t")}\n`);
    return;
  }
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[], style: (text: string, cell: string) => string) =>
    `${row.map((cell, column) => style(cell.padEnd(widths[column] ?? 0), cell)).join("  ")}`.trimEnd();
  const lines = [
    ...(heading.every((title) => title === "") ? [] : [line(heading, (text) => styled("bold", text))]),
    ...cells.map((row) => line(row, (text, cell) => (STYLES[cell] ? styled(STYLES[cell], text) : text))),
  ];
  terminal.write(`${lines.join("\n")}\n`);
}

/** Node leaves colours out where NO_COLOR asks for that. */
function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** A value from elsewhere on one line, without anything that a terminal would obey. */
function plain(value: string | number | null | undefined): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach the terminal
  return stripVTControlCharacters(String(value ?? "")).replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}
