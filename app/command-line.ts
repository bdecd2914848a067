/** The command line: `twinhook COMMAND`, and the arguments that start the service without a command. */
import { runCommand } from "./cli/program.ts";
import { systemTerminal } from "./cli/terminal.ts";

const args = process.argv.slice(2);
const [first = "--instance"] = args;
// The supervisor and unit files name no command.
if (args.length === 0 || /^--instance(=|$)/.test(first)) args.unshift("start");
else if (first === "--check") args.splice(0, 1, "check");

const code = await runCommand(args, systemTerminal());
// Null means that the process goes on: it is an instance.
if (code !== null) process.exit(code);
