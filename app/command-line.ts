/** The command line: `twinhook COMMAND`, and the arguments that start the service without a command. */
import { EXIT } from "./cli/failure.ts";
import { runCommand } from "./cli/program.ts";
import { systemTerminal } from "./cli/terminal.ts";
import { UNUSABLE } from "./config/problem.ts";
import { keepFilesPrivate } from "./run/private-files.ts";

keepFilesPrivate(process.env);
const args = process.argv.slice(2);
// The supervisor and unit files name no command.
const isService = args.length === 0 || /^--(instance|check)/.test(args[0] ?? "");
if (args[0] === "--check") args[0] = "check";
else if (isService) args.unshift("start");

const code = await runCommand(args, systemTerminal());
if (isService && code === EXIT.usage) {
  console.error(
    "Usage: node app/main.ts [--instance NAME | --check], or with a command of `twinhook --help`",
  );
  // systemd must not start it again and again.
  process.exit(UNUSABLE);
}
// Null means that the process goes on: it is an instance.
if (code !== null) process.exit(code);
