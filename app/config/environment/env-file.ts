import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { parseEnv } from "node:util";
import { checkEnvFile } from "../checks/env-file.ts";
import { ConfigError } from "../problem.ts";

/**
 * The file with the variables of the environment. `npm start` reads it from the folder where it is started.
 */
export const ENV_FILE = ".env";

/** The variables in the file; null where the file does not exist. */
export function readEnvFile(file: string): Record<string, string> | null {
  try {
    return parseEnv(readFileSync(file, "utf8")) as Record<string, string>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/**
 * Adds the file's variables to `env`, except those that `env` has.
 * @throws {ConfigError} that lists the values that a shell would read differently.
 */
export function addEnvFile(env: NodeJS.ProcessEnv, file: string): void {
  const values = readEnvFile(file);
  if (values === null) return;
  const problems = checkEnvFile(file, readFileSync(file, "utf8"));
  if (problems.length > 0) throw new ConfigError(problems);
  for (const [name, value] of Object.entries(values)) env[name] ||= value;
}

/**
 * Sets variables in the file, and keeps its other lines. A reader sees either the old file or the new one.
 * Only the file's owner may read it.
 * @throws {Error} when the file cannot be written, or cannot hold a value.
 */
export function setInEnvFile(file: string, values: Record<string, string>): void {
  const kept =
    readEnvFile(file) === null ? "" : withoutVariables(readFileSync(file, "utf8"), Object.keys(values));
  const lines = Object.entries(values).map(([name, value]) => `${name}=${quoted(name, value)}\n`);
  const text = `${kept}${kept === "" || kept.endsWith("\n") ? "" : "\n"}${lines.join("")}`;
  for (const [name, value] of Object.entries(values))
    if (parseEnv(text)[name] !== value || checkEnvFile(file, `${name}=${quoted(name, value)}`).length > 0)
      throw new Error(`${file} cannot hold the value of ${name}`);
  const temporary = `${file}.${randomBytes(6).toString("hex")}`;
  try {
    const handle = openSync(temporary, "wx", 0o600);
    try {
      chmodSync(temporary, 0o600);
      writeSync(handle, text);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** A value on one line that Node and a shell read alike. */
function quoted(name: string, value: string): string {
  if (/^[\w.:/@+=-]*$/.test(value)) return value;
  if (!/['\n]/.test(value)) return `'${value}'`;
  if (!/["$`\\]/.test(value)) return `"${value.replaceAll("\n", "\\n")}"`;
  throw new Error(
    `the value of ${name} combines quotes and special characters in a way that .env cannot hold`,
  );
}

/** The text without these variables, also where a value spans several lines. */
function withoutVariables(text: string, names: readonly string[]): string {
  const pattern = new RegExp(
    `^[ \\t]*(?:export[ \\t]+)?(?:${names.join("|")})[ \\t]*=[ \\t]*(?:"[^"]*"|'[^']*'|\`[^\`]*\`|[^\\n]*?)[ \\t]*(?:#[^\\n]*)?(?:\\n|$)`,
    "gm",
  );
  return text.replace(pattern, "");
}
