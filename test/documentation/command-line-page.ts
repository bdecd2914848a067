import { runCommand } from "../../app/cli/program.ts";
import { RecordedTerminal } from "../helpers/recorded-terminal.ts";

/** The page that lists the commands, relative to the project's folder. */
export const COMMAND_LINE_PAGE = "docs/reference/command-line.md";

const HEAD = `# Command line

\`twinhook COMMAND\`, in the folder of \`twinhook.yml\` and \`.env\`, as the user of the instances. It talks to whichever
instance answers. Where none is up, \`status\`, \`deployments\`, \`log\` and \`backup\` read the store.
With \`--json\` the output is JSON, and lists are \`{items, next_cursor}\`.

This page is written by \`npm run docs\`.
`;

const EXIT_CODES = `## Exit codes

| code | means |
| --- | --- |
| 0 | done |
| 1 | it failed: the thing does not exist, is in the wrong state, or ended badly |
| 2 | the command line is wrong |
| 69 | no instance answers |
| 77 | not allowed: there is no token, or a wrong one |
| 78 | the configuration is wrong |
| 130 | Ctrl-C |
`;

/** The page as the present commands make it: the help of each, letter by letter. */
export async function commandLinePage(): Promise<string> {
  const pages: string[] = [];
  let everywhere = "";
  for (const command of await commandsBelow()) {
    const help = await helpOf(...command);
    everywhere = GLOBAL.exec(help)?.[1] ?? "";
    pages.push(`## ${command.join(" ")}\n\n${block(help.replace(GLOBAL, ""))}`);
  }
  return [HEAD, EXIT_CODES, `## Options of every command\n\n${block(everywhere)}`, ...pages].join("\n");
}

/** Every command and the commands below it, as words, in the order of the help. */
async function commandsBelow(...command: string[]): Promise<string[][]> {
  const list = /^Commands:\n((?: .*\n)+)/m.exec(await helpOf(...command))?.[1] ?? "";
  const names = [...list.matchAll(/^ {2}([a-z]+)/gm)].map(([, name = ""]) => name);
  const below: string[][] = [];
  for (const name of names.filter((name) => name !== "help"))
    below.push([...command, name], ...(await commandsBelow(...command, name)));
  return below;
}

/** The options that the help of every command repeats. */
const GLOBAL = /Global Options:\n((?: .*\n)+)\n?/;

/** The text as a code block. Its first line keeps its indentation. */
function block(text: string): string {
  return `\`\`\`\n${text.trimEnd()}\n\`\`\`\n`;
}

/** The help of a command, in lines for 80 columns. */
async function helpOf(...command: string[]): Promise<string> {
  const { stdout } = process;
  const { columns } = stdout;
  stdout.columns = 80;
  try {
    const terminal = new RecordedTerminal({});
    await runCommand([...command, "--help"], terminal);
    return terminal.out;
  } finally {
    stdout.columns = columns;
  }
}
