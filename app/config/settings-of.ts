import { z } from "zod";
import type { Config } from "./load.ts";
import { configSchema } from "./schema.ts";
import { schemaAt, unwrap } from "./schema-keys.ts";

/** The source of a value. */
export type Source =
  | { kind: "file"; line: number }
  | { kind: "environment"; variable: string }
  | { kind: "default" };

/** One effective value of the configuration, in the file's syntax. */
export interface Setting {
  /** Such as `failover.window` or `instances[0].url`. */
  key: string;
  value: string;
  source: Source;
}

type Path = (string | number)[];

/**
 * Every effective value except the targets, each with its source. URLs are shown without passwords, and
 * values that only the environment holds are left out.
 */
export function settingsOf(config: Config): Setting[] {
  const { environment } = config;
  const store =
    config.store.engine === "sqlite" ? `sqlite:${config.store.path}` : withoutPassword(config.store.url);
  const keys = Object.keys(configSchema.shape).filter((key) => key !== "targets") as (keyof Config)[];
  const effective = { ...Object.fromEntries(keys.map((key) => [key, config[key]])), store };
  const overridden: Record<string, string | false> = {
    store: environment.databaseUrl !== null && "DATABASE_URL",
    "oidc.issuer": environment.oidcIssuer !== null && "TWINHOOK_OIDC_ISSUER",
  };
  return leaves(effective, []).map(({ path, value }) => {
    const key = keyName(path);
    const variable = overridden[key];
    const line = isWritten(config.written.content, path) ? config.written.line(path) : undefined;
    const source: Source = variable
      ? { kind: "environment", variable }
      : line === undefined
        ? { kind: "default" }
        : { kind: "file", line };
    return { key, value: asWritten(path, value), source };
  });
}

/** A URL with its password hidden. */
export function withoutPassword(text: string): string {
  if (!URL.canParse(text)) return "(a URL that cannot be read)";
  const url = new URL(text);
  if (url.password !== "") url.password = "***";
  for (const name of url.searchParams.keys())
    if (/passw|key|secret/i.test(name)) url.searchParams.set(name, "***");
  return url.href;
}

/** A duration (ms) in the file's syntax. */
export function writtenDuration(ms: number): string {
  for (const [unit, length] of [
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1_000],
  ] as const)
    if (ms >= length && ms % length === 0) return `${ms / length}${unit}`;
  return `${ms}ms`;
}

function leaves(value: unknown, path: Path): { path: Path; value: unknown }[] {
  if (Array.isArray(value) && value.some((item) => typeof item === "object"))
    return value.flatMap((item, index) => leaves(item, [...path, index]));
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [{ path, value }];
  return Object.entries(value).flatMap(([key, item]) => leaves(item, [...path, key]));
}

function keyName(path: Path): string {
  return path
    .map((part, at) => (typeof part === "number" ? `[${part}]` : at === 0 ? part : `.${part}`))
    .join("");
}

function isWritten(content: unknown, path: Path): boolean {
  let at = content;
  for (const part of path) at = (at as Record<string | number, unknown> | null | undefined)?.[part];
  return at !== undefined;
}

function asWritten(path: Path, value: unknown): string {
  if (typeof value === "number" && isDuration(path)) return writtenDuration(value);
  if (Array.isArray(value)) return value.length === 0 ? "(none)" : value.join(", ");
  return value === null || value === undefined ? "(none)" : String(value);
}

/** Whether the number at `path` is a duration, which has a unit in the file. */
function isDuration(path: Path): boolean {
  const schema = unwrap(schemaAt(configSchema, path));
  return schema instanceof z.ZodType && schema.meta()?.duration === true;
}
