import { randomBytes } from "node:crypto";
import { closeSync, openSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stringify } from "yaml";

export interface FirstConfig {
  /** The public URLs of the two instances. */
  urls: readonly string[];
  /** Where they listen. */
  listens: readonly string[];
  /** The logins of those who may change settings. */
  admins: readonly string[];
}

const HEADER = `# Twinhook's configuration. twinhook.example.yml has every key with comments; npm run check finds what is wrong.
`;

/** The text of a first twinhook.yml, in which there is no target yet. */
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

/** @throws {Error} when there is a file of this name already, or none can be made. */
export function writeNew(file: string, text: string): void {
  writeFileSync(file, text, { flag: "wx", mode: 0o644 });
}

/**
 * Proves that files can be made in the folder of `file`: the App's secrets are told once, and must not be lost.
 * @throws {Error} when not.
 */
export function assertWritable(file: string): void {
  const probe = join(dirname(file), `.twinhook-${randomBytes(6).toString("hex")}`);
  closeSync(openSync(probe, "wx", 0o600));
  rmSync(probe);
}
