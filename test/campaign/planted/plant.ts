import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { PlantedBug } from "./bugs.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** What the App is made of. */
const PARTS = ["app", "shared", "package.json", "package-lock.json", "tsconfig.json"];

/** A copy of the App with a bug in it. */
export interface PlantedApp {
  main: string;
  remove(): void;
}

/**
 * Makes a copy of the App, and plants the bug.
 * @throws {Error} when a text that the bug replaces does not stand in its file exactly once.
 */
export async function plant(bug: PlantedBug): Promise<PlantedApp> {
  const folder = mkdtempSync(join(tmpdir(), "twinhook-planted-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    for (const part of PARTS)
      cpSync(join(ROOT, part), join(folder, part), {
        recursive: true,
        filter: (path) => !path.includes("/app/dist"),
      });
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    for (const { file, from, to } of bug.changes) {
      const path = join(folder, file);
      writeFileSync(path, replaceOnce(readFileSync(path, "utf8"), from, to, `${bug.name}: ${file}`));
    }
    await promisify(execFile)(process.execPath, [join(folder, "app/bundle/build.ts")], { cwd: folder });
  } catch (error) {
    remove();
    throw error;
  }
  return { main: join(folder, "app/main.ts"), remove };
}

/** Replaces a text that stands there exactly once. */
export function replaceOnce(text: string, from: string, to: string, where: string): string {
  const found = text.split(from).length - 1;
  if (found !== 1)
    throw new Error(
      `${where}: expected the text once, found it ${found} times; correct test/campaign/planted/bugs.ts:\n${from}`,
    );
  return text.replace(from, () => to);
}
