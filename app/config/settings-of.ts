import { z } from "zod";
import type { Config } from "./load.ts";
import { configSchema } from "./schema.ts";
import { schemaAt, unwrap } from "./schema-keys.ts";

/** Where a value comes from. */
export type Source =
  | { kind: "file"; line: number }
  | { kind: "environment"; variable: string }
  | { kind: "default" };

/** One value of the configuration that is in effect, as it would be written in the file. */
export interface Setting {
  /** Such as `failover.window` or `instances[0].url`. */
  key: string;
  value: string;
  source: Source;
}

type Path = (string | number)[];

/**
 * Everything that is in effect but the targets, each with where it comes from. Passwords are left out of URLs, and
 * what the environment alone says is not part of it.
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

/** A URL that may hold a password, fit to be shown. */
export function withoutPassword(text: string): string {
  if (!URL.canParse(text)) return "(a URL that cannot be read)";
  const url = new URL(text);
  if (url.password !== "") url.password = "***";
  for (const name of url.searchParams.keys())
    if (/passw|key|secret/i.test(name)) url.searchParams.set(name, "***");
  return url.href;
}

/** A duration (ms) as the file would write it. */
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

/** Durations are those numbers that are written with a unit. */
function isDuration(path: Path): boolean {
  const schema = unwrap(schemaAt(configSchema, path));
  return schema instanceof z.ZodType && schema.meta()?.duration === true;
}
