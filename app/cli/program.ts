import { Argument, Command, CommanderError } from "commander";
import { VERSION } from "../version.ts";
import { addChangeCommands } from "./commands/changes.ts";
import { Commands, type Run } from "./commands/commands.ts";
import { addHostCommands } from "./commands/host.ts";
import { addListCommands } from "./commands/lists.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import { SHELLS, type Shell } from "./host/shells.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Runs a command and returns its exit code; null where the process is to go on, since it is an instance.
 * Every command loads its own modules: most of the time of a short command is loading.
 */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number | null> {
  let code: number | null = EXIT.done;
  const run = async (work: Promise<number | null>) => {
    code = await work;
  };
  try {
    await program(terminal, run).parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    const { name, message } = error as Error;
    terminal.note(`twinhook: ${message}`);
    if (error instanceof CommandFailure) return error.exitCode;
    // Not by its class, whose module would have to be loaded first.
    if (name === "ConfigError") return (await import("../config/problem.ts")).UNUSABLE;
    return EXIT.failed;
  }
}

function program(terminal: Terminal, run: Run): Command {
  const program = new Command("twinhook")
    .description("Deployments that start even when the server that should start them is down.")
    .version(VERSION, "-v, --version")
    .option("--json", "print JSON")
    .option("--url <url>", "ask this instance (default: any instance of twinhook.yml that answers)")
    .option(
      "--token <token>",
      "the admin token or a named one (default: TWINHOOK_ADMIN_TOKEN, also from .env)",
    )
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.write(text),
      writeErr: (text) => terminal.note(text.trimEnd()),
    })
    .showSuggestionAfterError()
    .showHelpAfterError("(--help shows how it is used)")
    .exitOverride();
  const commands = new Commands(program, terminal, run);
  addHostCommands(commands);
  addListCommands(commands);
  addChangeCommands(commands);
  program
    .command("completion")
    .description("print the script that makes a shell complete commands and options")
    .addArgument(new Argument("<shell>").choices(SHELLS))
    .addHelpText("after", '\nExample:\n  $ eval "$(twinhook completion bash)"')
    .action((shell: Shell) =>
      run(
        import("./host/completion.ts").then(({ completion }) => {
          terminal.write(completion(program, shell));
          return EXIT.done;
        }),
      ),
    );
  return program;
}
