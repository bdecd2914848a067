import { canMatchRun, isRefPattern } from "../../config/refs.ts";
import type { Rule } from "./hooks-file.ts";

/** The part of a target that the rule of a hook gives. */
export interface RuleKeys {
  repository?: string;
  workflow?: string;
  refs?: string[];
  events?: string[];
}

type Key = keyof RuleKeys;
/** Keys of a target; `true` where Twinhook always checks the rule; null where it has no such rule. */
type Converted = RuleKeys | true | null;

/** The keys that a rule gives, and each part of it that no target can express. */
export function convertRule(rule: Rule): { keys: RuleKeys; leftOut: string[] } {
  const keys: RuleKeys = {};
  const leftOut: string[] = [];
  for (const part of partsOf(rule)) {
    const converted = convert(part);
    if (converted === null || !agree(keys, converted)) leftOut.push(described(part));
    else if (converted !== true) Object.assign(keys, converted);
  }
  return { keys, leftOut };
}

/** The rules that must all hold. */
function partsOf(rule: Rule): Rule[] {
  return rule.and ? rule.and.flatMap(partsOf) : [rule];
}

/** Whether the rule before and this one can both hold. */
function agree(keys: RuleKeys, converted: RuleKeys | true): boolean {
  if (converted === true) return true;
  return (Object.keys(converted) as Key[]).every(
    (key) => keys[key] === undefined || JSON.stringify(keys[key]) === JSON.stringify(converted[key]),
  );
}

function convert(rule: Rule): Converted {
  if (rule.match) return convertMatch(rule.match);
  return rule.or ? convertEither(rule.or) : null;
}

/** Several refs or several events become a list. A choice between different things has no place in a target. */
function convertEither(rules: readonly Rule[]): Converted {
  const all = rules.filter((rule) => !isPing(rule)).map(convert);
  if (all.length > 0 && all.every((one) => one === true)) return true;
  for (const key of ["refs", "events"] as const) {
    const lists = all.map((one) =>
      one !== null && one !== true && Object.keys(one).length === 1 ? one[key] : undefined,
    );
    if (lists.length > 0 && lists.every((list) => list !== undefined))
      return key === "refs" ? { refs: lists.flat() } : { events: lists.flat() };
  }
  return null;
}

/** GitHub's ping deploys nothing, there as here. */
function isPing({ match }: Rule): boolean {
  return valueName(match) === "header x-github-event" && match?.type === "value" && match.value === "ping";
}

function convertMatch(match: NonNullable<Rule["match"]>): Converted {
  const { type = "", value = "", regex = "" } = match;
  const name = valueName(match);
  if (/^payload-(hmac|hash)-sha(1|256|512)$/.test(type))
    return /^header x-hub-signature(-256)?$/.test(name) || null;
  if (type === "regex") return name === "payload ref" ? refsOf(refPatternOf(regex)) : null;
  if (type !== "value") return null;
  switch (name) {
    case "payload repository.full_name":
      return { repository: value };
    case "payload ref":
      return refsOf(value);
    case "payload workflow_run.head_branch":
      return refsOf(`refs/heads/${value}`);
    case "payload workflow_run.path":
      return { workflow: value };
    case "payload workflow_run.event":
      return { events: [value] };
    case "payload workflow_run.conclusion":
      return value === "success" || null;
    case "payload action":
      return value === "completed" || null;
    case "header x-github-event":
      if (value === "workflow_run") return true;
      return value === "push" || value === "release" ? { events: [value] } : null;
    default:
      return null;
  }
}

/** A place in the request: `payload ref`. The names of headers are the same in any case. */
function valueName(match: Rule["match"]): string {
  const { source = "", name = "" } = match?.parameter ?? {};
  return `${source} ${source === "header" ? name.toLowerCase() : name}`;
}

function refsOf(ref: string | null): Converted {
  return ref !== null && isRefPattern(ref) && canMatchRun(ref) ? { refs: [ref] } : null;
}

/** What a part of a regular expression is called in a pattern of refs. */
const PARTS: Record<string, string> = { ".*": "**", "[^/]*": "*", "\\.": ".", "\\/": "/", "\\-": "-" };

/** The pattern of refs that means the same as a regular expression; null where there is none. */
function refPatternOf(regex: string): string | null {
  // A ref begins with `refs/`, so the start need not be anchored. An open end matches anything after it.
  const [, body = "", end] = /^\^?(refs\/.*?)(\$?)$/s.exec(regex) ?? [];
  const parts = `${body}${end === "$" ? "" : ".*"}`.match(/\\.|\.\*|\[\^\/\]\*|./gs) ?? [];
  const converted = parts.map((part) => (/^[\w/-]$/.test(part) ? part : PARTS[part]));
  return converted.includes(undefined) ? null : converted.join("").replaceAll(/\*{3,}/g, "**");
}

/** The rule in words, without its values: some are secrets. */
function described(rule: Rule): string {
  if (rule.not) return `not (${described(rule.not)})`;
  for (const word of ["and", "or"] as const) {
    const rules = rule[word];
    if (rules) return `${word} (${rules.map(described).join(", ")})`;
  }
  if (!rule.match) return "an unknown rule";
  const { type = "match", parameter } = rule.match;
  return parameter ? `${type} of ${parameter.source} ${parameter.name}` : type;
}
