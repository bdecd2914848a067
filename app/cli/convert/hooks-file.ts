import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { CommandFailure, EXIT } from "../failure.ts";

/** A value of the request, as hooks of adnanh/webhook refer to it. */
export interface RequestValue {
  source?: string;
  name?: string;
  envname?: string;
}

/** A rule of adnanh/webhook. @see https://github.com/adnanh/webhook/blob/master/docs/Hook-Rules.md */
export interface Rule {
  and?: Rule[];
  or?: Rule[];
  not?: Rule;
  match?: { type?: string; value?: string; regex?: string; parameter?: RequestValue };
}

/** A hook of adnanh/webhook. @see https://github.com/adnanh/webhook/blob/master/docs/Hook-Definition.md */
export interface Hook {
  id: string;
  "execute-command": string;
  "command-working-directory"?: string;
  "pass-arguments-to-command"?: RequestValue[];
  "pass-environment-to-command"?: RequestValue[];
  "trigger-rule"?: Rule | null;
  [key: string]: unknown;
}

/**
 * Reads the hooks of a file, in JSON or YAML.
 * @throws {CommandFailure} when it is no list of hooks as adnanh/webhook reads it.
 */
export function readHooks(file: string): Hook[] {
  const hooks = parsed(file);
  if (!Array.isArray(hooks) || hooks.length === 0)
    throw new CommandFailure(EXIT.failed, `${file}: expected a list of hooks, as adnanh/webhook reads it`);
  hooks.forEach((hook: unknown, index) => {
    for (const key of ["id", "execute-command"])
      if (!isText((hook as Hook | null)?.[key]))
        throw new CommandFailure(EXIT.failed, `${file}: hook ${index + 1} has no ${key}; add it`);
  });
  return hooks as Hook[];
}

function parsed(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new CommandFailure(EXIT.failed, `${file} cannot be read: ${(error as Error).message}`);
  }
  try {
    return parse(text, { prettyErrors: false, logLevel: "error" });
  } catch {
    // The parser's message may quote a secret.
    throw new CommandFailure(
      EXIT.failed,
      `${file} is neither JSON nor YAML; if it is a template (webhook -template), put in its values first`,
    );
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
