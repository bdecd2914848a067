import { existsSync } from "node:fs";
import { appFile, bundleOfSources, IN_BUNDLE } from "./sources.js";

export { appFile };

/**
 * The modules that start processes and threads, and the tasks that a thread loads by address. Each becomes a
 * file of the bundle, named after its key.
 */
export const ENTRY_POINTS = {
  main: "main.ts",
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
  const source = appFile(of === "app" ? "main.js" : "../test/demo/main.ts");
  const built = of === "app" ? "main.js" : "demo.js";
  return existsSync(source) ? source : appFile(`dist/package/${built}`);
}

let currentBundle: URL | undefined;
