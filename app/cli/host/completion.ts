import type { Command, Option } from "commander";
import type { Shell } from "./shells.ts";

/** The script that makes a shell complete the commands and options of this program. */
export function completion(program: Command, shell: Shell): string {
  return SCRIPTS[shell](program);
}

const SCRIPTS: Record<Shell, (program: Command) => string> = { bash, zsh, fish };

function bash(program: Command): string {
  const name = program.name();
  const cases = [
    ["''", [...program.commands.map((command) => command.name()), ...flagsOf(program.options)]] as const,
    ...program.commands.map(
      (command) => [command.name(), flagsOf([...command.options, ...program.options])] as const,
    ),
  ].map(([command, words]) => `    ${command}) words=${quoted(words.join(" "))} ;;`);
  const values = program.commands
    .flatMap(({ options }) => options)
    .filter(({ argChoices }) => argChoices)
    .map(({ long, argChoices }) => `    ${long}) words=${quoted(argChoices?.join(" ") ?? "")} ;;`);
  return `# ${name} completion bash: put this into ~/.bashrc: eval "$(${name} completion bash)"
_${name}() {
  local word command= words=
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) ;; *) command=$word; break ;; esac
  done
  case $command in
${cases.join("\n")}
  esac
  case \${COMP_WORDS[COMP_CWORD-1]} in
${values.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _${name} ${name}
`;
}

function zsh(program: Command): string {
  const name = program.name();
  const described = (word: string, text: string) => quoted(`${word}:${text}`);
  const options = (list: readonly Option[]) =>
    list.flatMap((option) => flagsOf([option]).map((flag) => described(flag, option.description))).join(" ");
  return `#compdef ${name}
# ${name} completion zsh: put this into ~/.zshrc, below compinit: eval "$(${name} completion zsh)"
_${name}() {
  local -a commands options
  commands=(${program.commands.map((command) => described(command.name(), command.description())).join(" ")})
  options=(${options(program.options)})
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case $words[2] in
${program.commands
  .filter((command) => command.options.length > 0)
  .map((command) => `    ${command.name()}) options+=(${options(command.options)}) ;;`)
  .join("\n")}
  esac
  _describe option options || _files
}
compdef _${name} ${name}
`;
}

function fish(program: Command): string {
  const name = program.name();
  const option = ({ long, short, description, required, argChoices }: Option, condition: string) =>
    [
      `complete -c ${name} -n ${quoted(condition)}`,
      ...(long ? [`-l ${long.replace(/^--/, "")}`] : []),
      ...(short ? [`-s ${short.replace(/^-/, "")}`] : []),
      ...(required ? ["-r"] : []),
      ...(argChoices ? [`-a ${quoted(argChoices.join(" "))}`] : []),
      `-d ${quoted(description)}`,
    ].join(" ");
  return [
    `# ${name} completion fish > ~/.config/fish/completions/${name}.fish`,
    ...program.options.map((one) => option(one, "true")),
    ...program.commands.flatMap((command) => [
      `complete -c ${name} -n __fish_use_subcommand -a ${command.name()} -d ${quoted(command.description())}`,
      ...command.options.map((one) => option(one, `__fish_seen_subcommand_from ${command.name()}`)),
    ]),
    "",
  ].join("\n");
}

function flagsOf(options: readonly Option[]): string[] {
  return options.flatMap(({ long }) => long ?? []);
}

/** Text in single quotes, as all three shells read it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "’").replaceAll("\\", "")}'`;
}
