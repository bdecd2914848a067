import { createHash } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";

/**
 * The modules with which processes and threads begin, and the tasks that a thread loads by their address. Each has
 * a file of its own in the bundle, under its key.
 */
export const ENTRY_POINTS = {
  "command-line": "command-line.ts",
  runner: "run/runner.ts",
  "store-thread": "store/sqlite/worker.ts",
  "commit-task": "accept/commit-task.ts",
  "claim-task": "queue/claim-task.ts",
} as const;

type EntryPoint = keyof typeof ENTRY_POINTS;
/** A module whose default export is a transaction. */
export type TaskName = Extract<EntryPoint, `${string}-task`>;

/** Whether this very module was loaded from a bundle. */
const IN_BUNDLE = !import.meta.url.endsWith(".ts");
/** Two folders above a bundle's files, and one above this file. */
const APP = new URL(IN_BUNDLE ? "../../" : "../", import.meta.url);
/** Below it, each bundle has a folder that is named after the sources that it was made from. */
export const BUNDLES = appFile("dist/");

/** The address of a file of the App, relative to `app/`, whether or not this process was loaded from a bundle. */
export function appFile(path: string): URL {
  return new URL(path, APP);
}

/** The address of an entry point, in the bundle where this process was loaded from it, else in the sources. */
export function entryPoint(name: EntryPoint): URL {
  return IN_BUNDLE ? new URL(`${name}.js`, import.meta.url) : appFile(ENTRY_POINTS[name]);
}

/** The same for a new process or thread, which may use the bundle of these sources even if this one does not. */
export function newEntryPoint(name: EntryPoint): URL {
  if (IN_BUNDLE) return entryPoint(name);
  currentBundle ??= bundleOfSources();
  const bundled = new URL(`${name}.js`, currentBundle);
  return existsSync(bundled) ? bundled : entryPoint(name);
}

let currentBundle: URL | undefined;

/**
 * The folder of the bundle that is made of the sources as they are now, whether it exists or not. Paths, sizes and
 * times of change tell: reading hundreds of files would cost a part of what the bundle saves.
 */
export function bundleOfSources(): URL {
  const hash = createHash("sha256");
  const root = appFile("../").pathname;
  const note = (path: string) => {
    const { size, mtimeMs } = statSync(path);
    // So that the whole folder may be moved.
    hash.update(`${relative(root, path)} ${size} ${mtimeMs}\n`);
  };
  for (const folder of ["app", "shared"])
    for (const file of readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
      if (file.isFile() && file.name.endsWith(".ts")) note(join(file.parentPath, file.name));
  for (const file of ["package.json", "package-lock.json"])
    if (existsSync(join(root, file))) note(join(root, file));
  return new URL(`${hash.digest("hex").slice(0, 16)}/`, BUNDLES);
}
