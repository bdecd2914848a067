import { basename, dirname, isAbsolute, join } from "node:path";
import { stringify } from "yaml";
import { target as targetSchema } from "../../config/target-schema.ts";
import { CommandFailure, EXIT } from "../failure.ts";
import type { CommonOptions } from "../options.ts";
import { printJson, type Terminal } from "../terminal.ts";
import { type Hook, type RequestValue, readHooks } from "./hooks-file.ts";
import { convertRule, type RuleKeys } from "./trigger-rule.ts";

/** What a hook does not say. */
export interface ConvertOptions extends CommonOptions {
  repository?: string;
  environment: string;
  workflow: string;
}

/** A part of a hook that its target lacks. */
interface LeftOut {
  hook: string;
  what: string;
  instead: string;
}

/** A target as `twinhook.yml` has it. */
interface Target {
  name: string;
  repository: string;
  environment: string;
  workflow: string;
  refs: string[];
  events?: string[];
  run: string[];
  directory: string;
  env?: Record<string, string>;
}

/** `twinhook convert`: prints the hooks of adnanh/webhook as targets, and names each part that no target can have. */
export function convert(terminal: Terminal, file: string, options: ConvertOptions): number {
  const leftOut: LeftOut[] = [];
  const assumed: string[] = [];
  const targets = readHooks(file).map((hook) => targetOf(hook, options, { leftOut, assumed }));
  if (options.json) printJson(terminal, { targets, left_out: leftOut, assumed });
  else {
    terminal.write(stringify({ targets }, { lineWidth: 0 }));
    for (const { hook, what, instead } of leftOut) terminal.note(`left out: ${hook}: ${what}; ${instead}`);
    for (const note of assumed) terminal.note(`assumed: ${note}`);
  }
  return EXIT.done;
}

function targetOf(
  hook: Hook,
  { repository: given, environment, workflow }: ConvertOptions,
  { leftOut, assumed }: { leftOut: LeftOut[]; assumed: string[] },
): Target {
  const { id } = hook;
  const lacks = (what: string, instead: string) => leftOut.push({ hook: id, what, instead });
  const { "trigger-rule": written } = hook;
  const rule = written ? convertRule(written) : { keys: {} as RuleKeys, leftOut: [] };
  for (const part of rule.leftOut)
    lacks(
      `trigger-rule: ${part}`,
      "no target has such a rule, so it deploys without it: check it in the workflow",
    );
  const repository = rule.keys.repository ?? given;
  if (repository === undefined)
    throw new CommandFailure(EXIT.usage, `no rule of ${id} names its repository; give it by --repository`);
  if (!rule.keys.refs) assumed.push(`${id}: no rule names a branch or a tag, so refs has main alone`);
  const directory = directoryOf(hook, repository);
  if (!hook["command-working-directory"])
    assumed.push(`${id}: the hook names no command-working-directory, so directory is ${directory}`);
  const run = [commandOf(hook), ...argumentsOf(hook, lacks)];
  const env = environmentOf(hook, lacks);
  for (const [key, value] of Object.entries(hook))
    if (!CONVERTED.has(key) && value) lacks(key, INSTEAD[key] ?? "Twinhook has no such key");
  const target: Target = {
    name: nameOf(id),
    repository,
    environment,
    workflow,
    refs: ["refs/heads/main"],
    ...rule.keys,
    run,
    directory,
    ...(Object.keys(env).length > 0 && { env }),
  };
  const fault = targetSchema.safeParse(target).error?.issues[0];
  if (fault)
    throw new CommandFailure(
      EXIT.failed,
      `${id}: ${fault.path.join(".")}: expected ${fault.message}; correct the hook`,
    );
  return target;
}

/** The name of a target allows fewer characters than the id of a hook. */
function nameOf(id: string): string {
  const allowed = id.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replace(/^[._-]+/, "");
  return allowed.slice(0, 63) || "hook";
}

/** adnanh/webhook looks for a relative command in the working directory alone, where there is one. */
function commandOf({ "execute-command": command, "command-working-directory": directory }: Hook): string {
  return directory && !isAbsolute(command) ? join(directory, command) : command;
}

function directoryOf(
  { "execute-command": command, "command-working-directory": directory }: Hook,
  repository: string,
): string {
  if (directory) return directory;
  return isAbsolute(command) ? dirname(command) : `/srv/${basename(repository)}`;
}

type Lacks = (what: string, instead: string) => void;

/** The arguments that are fixed. Nothing of a request becomes an argument. */
function argumentsOf(hook: Hook, lacks: Lacks): string[] {
  return (hook["pass-arguments-to-command"] ?? []).flatMap((value) => {
    if (value.source === "string") return [value.name ?? ""];
    lacks(`pass-arguments-to-command: ${placeOf(value)}`, `${variableFor(value)}; later arguments move up`);
    return [];
  });
}

function environmentOf(hook: Hook, lacks: Lacks): Record<string, string> {
  const env: Record<string, string> = {};
  for (const value of hook["pass-environment-to-command"] ?? []) {
    const { source, name = "", envname } = value;
    if (source === "string") env[envname || `HOOK_${name}`] = name;
    else lacks(`pass-environment-to-command: ${placeOf(value)}`, variableFor(value));
  }
  return env;
}

function placeOf({ source = "", name = "" }: RequestValue): string {
  return `${source} ${name}`.trim();
}

/** The variable of Twinhook that holds a value of the payload. */
function variableFor({ source, name = "" }: RequestValue): string {
  const variable = source === "payload" && VARIABLES[name];
  return variable
    ? `the command reads ${variable} instead`
    : "no variable has it: let the workflow give it, by the Action's input `payload`";
}

const VARIABLES: Record<string, string> = {
  after: "TWINHOOK_SHA",
  "head_commit.id": "TWINHOOK_SHA",
  "workflow_run.head_sha": "TWINHOOK_SHA",
  ref: "TWINHOOK_REF",
  "workflow_run.head_branch": "TWINHOOK_REF",
  "repository.full_name": "TWINHOOK_REPOSITORY",
  "workflow_run.id": "TWINHOOK_RUN_ID",
  "workflow_run.run_attempt": "TWINHOOK_RUN_ATTEMPT",
};

const CONVERTED = new Set([
  "id",
  "execute-command",
  "command-working-directory",
  "pass-arguments-to-command",
  "pass-environment-to-command",
  "trigger-rule",
]);

const ANSWER = "the answer comes before the command, and GitHub reads none";
const INSTEAD: Record<string, string> = {
  "response-message": ANSWER,
  "response-headers": ANSWER,
  "success-http-response-code": ANSWER,
  "trigger-rule-mismatch-http-response-code": ANSWER,
  "include-command-output-in-response": `${ANSWER}; share_log shows the output to the Action`,
  "include-command-output-in-response-on-error": `${ANSWER}; share_log shows the output to the Action`,
  "http-methods": "GitHub sends POST alone",
  "incoming-payload-content-type": "GitHub's webhook has the content type application/json",
  "parse-parameters-as-json": "the payload is JSON",
  "pass-file-to-command": "give it as the Action's input `payload`; the command reads TWINHOOK_PAYLOAD_FILE",
  "pre-hook-command": "let the workflow do it before it deploys",
  "trigger-signature-soft-failures": "each delivery has one signature, which is always checked",
};
