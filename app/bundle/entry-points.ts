import { createHash } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * The modules that start processes and threads, and the tasks that a thread loads by address. Each becomes a
 * file of the bundle, named after its key.
 */
export const ENTRY_POINTS = {
  "command-line": "command-line.ts",
  runner: "run/runner.ts",
  "store-thread": "store/sqlite/worker.ts",
  "commit-task": "accept/commit-task.ts",
  "begin-task": "accept/begin-task.ts",
  "claim-task": "queue/claim/claim-task.ts",
  "read-assets": "pages/read-assets.ts",
} as const;

export type EntryPoint = keyof typeof ENTRY_POINTS;
/** A module whose default export is a transaction. */
export type TaskName = Extract<EntryPoint, `${string}-task`>;

/** Whether this very module was loaded from a bundle. */
const IN_BUNDLE = !import.meta.url.endsWith(".ts");
/** The `app` folder: two folders above a bundle's files, one above this file. */
const APP = new URL(IN_BUNDLE ? "../../" : "../", import.meta.url);
/** Each bundle has a folder in here, named after a hash of its sources. */
export const BUNDLES = appFile("dist/");

/** The URL of a file in `app/`, whether or not this process was loaded from a bundle. */
export function appFile(path: string): URL {
  return new URL(path, APP);
}

/** The URL of an entry point: in the bundle if this process was loaded from it, else in the sources. */
export function entryPoint(name: EntryPoint): URL {
  return IN_BUNDLE ? new URL(`${name}.js`, import.meta.url) : appFile(ENTRY_POINTS[name]);
}

/** The same for a new process or thread. It may use the bundle even if this process does not. */
export function newEntryPoint(name: EntryPoint): URL {
  if (IN_BUNDLE) return entryPoint(name);
  currentBundle ??= bundleOfSources();
  const bundled = new URL(`${name}.js`, currentBundle);
  return existsSync(bundled) ? bundled : entryPoint(name);
}

/**
 * The file that starts the App, or the demo. The npm package holds no sources, since Node strips no types below
 * `node_modules`; `package.ts` puts built files into it.
 */
export function mainFile(of: "app" | "demo"): URL {
  const [source, built] =
    of === "app"
      ? [appFile("main.ts"), appFile("dist/package/main.js")]
      : [appFile("../test/demo/main.ts"), appFile("dist/package/demo.js")];
  return existsSync(built) && !existsSync(source) ? built : source;
}

let currentBundle: URL | undefined;

/**
 * The folder for a bundle of the current sources, whether it exists or not. It depends on paths, sizes and
 * times of change. Reading hundreds of files would cost much of the time that the bundle saves.
 */
export function bundleOfSources(): URL {
  const notes: string[] = [];
  const root = appFile("../").pathname;
  // Relative paths, so that the whole folder may be moved.
  const note = (path: string) => {
    const { size, mtimeMs } = statSync(join(root, path));
    notes.push(`${path} ${size} ${mtimeMs}\n`);
  };
  // Folder by folder: the bundles hold more files than the sources, and Node's own walk takes thrice the time.
  const walk = (folder: string) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isFile() && path.endsWith(".ts")) note(path);
      else if (entry.isDirectory() && path !== "app/dist") walk(path);
    }
  };
  walk("app");
  walk("shared");
  for (const file of ["package.json", "package-lock.json"]) if (existsSync(join(root, file))) note(file);
  const hash = createHash("sha256").update(notes.join("")).digest("hex");
  return new URL(`${hash.slice(0, 16)}/`, BUNDLES);
}
