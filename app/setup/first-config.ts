import { randomBytes } from "node:crypto";
import { closeSync, openSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stringify } from "yaml";
import { appFile } from "../bundle/entry-points.ts";

export interface FirstConfig {
  /** The public URLs of the two instances. */
  urls: readonly string[];
  /** The addresses where they listen. */
  listens: readonly string[];
  /** The logins of people who may change settings. */
  admins: readonly string[];
}

const HEADER = `# yaml-language-server: $schema=${appFile("../twinhook.schema.json").pathname}
# Twinhook's configuration. twinhook.example.yml has every key with comments; npm run check finds what is wrong.
`;

/** The text of a first twinhook.yml, without targets. */
export function firstConfig({ urls, listens, admins }: FirstConfig): string {
  const names = ["primary", "backup"];
  const instances = urls.map((url, index) => ({
    name: names[index] ?? `backup-${index}`,
    url,
    listen: listens[index],
  }));
  // Written out, so that links stay right when the order of the instances changes.
  return HEADER + stringify({ instances, public_url: urls[0], admins, targets: [] });
}

/**
 * Writes a new file.
 * @throws {Error} when the file exists already, or cannot be written.
 */
export function writeNew(file: string, text: string): void {
  writeFileSync(file, text, { flag: "wx", mode: 0o644 });
}

/**
 * Checks that files can be created in the folder of `file`. GitHub shows the App's secrets only once, so they
 * must not be lost.
 * @throws {Error} when not.
 */
export function assertWritable(file: string): void {
  const probe = join(dirname(file), `.twinhook-${randomBytes(6).toString("hex")}`);
  closeSync(openSync(probe, "wx", 0o600));
  rmSync(probe);
}
