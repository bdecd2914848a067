import type { Command } from "commander";
import type { CommonOptions } from "../options.ts";
import type { Terminal } from "../terminal.ts";

/** Takes a command's work, and keeps its exit code; null where the process goes on. */
export type Run = (work: Promise<number | null>) => Promise<void>;

/** Adds commands to the program, or to one of its commands. */
export class Commands {
  readonly #parent: Command;
  readonly terminal: Terminal;
  readonly #run: Run;

  constructor(parent: Command, terminal: Terminal, run: Run) {
    this.#parent = parent;
    this.terminal = terminal;
    this.#run = run;
  }

  /** Adds a command with its summary and examples. */
  add(usage: string, summary: string, ...examples: string[]): Command {
    const heading = examples.length === 1 ? "Example" : "Examples";
    return this.#parent
      .command(usage)
      .description(summary)
      .addHelpText("after", `\n${heading}:\n${examples.map((e) => `  $ twinhook ${e}`).join("\n")}`);
  }

  /** Adds a command that has commands of its own, which are added to the result. */
  group(name: string, summary: string): Commands {
    return new Commands(this.#parent.command(name).description(summary), this.terminal, this.#run);
  }

  /** Lets a command call `work` with its options, the global ones included, and its arguments. */
  does<O extends CommonOptions>(
    command: Command,
    work: (options: O, ...args: string[]) => Promise<number | null>,
  ): void {
    command.action((...given: unknown[]) => {
      const names = given.slice(0, -2) as string[];
      return this.#run(work((given.at(-1) as Command).optsWithGlobals<O>(), ...names));
    });
  }
}
