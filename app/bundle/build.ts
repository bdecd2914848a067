import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { plainBuiltins } from "../../shared/plain-builtins.ts";
import { ENTRY_POINTS, type EntryPoint } from "./entry-points.ts";
import { appFile, BUNDLES, bundleOfSources } from "./sources.js";

/** So many bundles stay: instances that run load files of theirs late. */
const KEPT = 3;
/** The entry points of workers and of the store's threads. */
const SMALL: string[] = ["runner", "store-thread", "commit-task", "claim-task"] satisfies EntryPoint[];

/**
 * Bundles the App into `app/dist`, unless the bundle exists, and removes old bundles. Processes load the
 * bundle in a third of the time that a thousand modules take. Without it they load the sources.
 * @returns the bundle's folder.
 */
export async function buildApp(): Promise<URL> {
  const folder = bundleOfSources();
  if (existsSync(folder)) return folder;
  const bundles = fileURLToPath(BUNDLES);
  await mkdir(bundles, { recursive: true });
  // A bundle gets its name only when it is complete.
  const unfinished = join(bundles, `unfinished-${process.pid}`);
  await bundle(ENTRY_POINTS, unfinished);
  await rename(unfinished, fileURLToPath(folder)).catch((error: NodeJS.ErrnoException) => {
    // Another process was faster.
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  });
  await removeOld(bundles);
  return folder;
}

/** Removes all bundles but the newest. One that another process makes at this moment stays, too. */
async function removeOld(bundles: string): Promise<void> {
  const found = await Promise.all(
    (await readdir(bundles)).map(async (name) => {
      const path = join(bundles, name);
      return {
        path,
        madeAt: await stat(path).then(
          ({ mtimeMs }) => mtimeMs,
          () => 0,
        ),
      };
    }),
  );
  const old = found.toSorted((a, b) => b.madeAt - a.madeAt).slice(KEPT);
  await Promise.all(old.map(({ path }) => rm(path, { recursive: true, force: true })));
}

/**
 * Bundles modules of `app/` into the folder `outdir`, each under its key. What workers and threads load is bundled apart:
 * beside a hundred other modules it would fall into many files, which take a quarter of a worker's start.
 * @returns the paths that the bundle was made from; they start in `app/`.
 */
export async function bundle(entryPoints: Record<string, string>, outdir: string): Promise<string[]> {
  const { small = [], others = [] } = Object.groupBy(Object.entries(entryPoints), ([name]) =>
    SMALL.includes(name) ? "small" : "others",
  );
  const inputs = await Promise.all(
    [small, others].map((some) => bundleTogether(Object.fromEntries(some), outdir)),
  );
  return [...new Set(inputs.flat())];
}

async function bundleTogether(entryPoints: Record<string, string>, outdir: string): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: fileURLToPath(appFile(".")),
    entryPoints,
    outdir,
    metafile: true,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    keepNames: true,
    sourcemap: true,
    sourcesContent: false,
    logLevel: "warning",
    // Optional, and needs a compiler.
    external: ["pg-native"],
    plugins: [plainBuiltins],
    // The CommonJS packages call `require` for Node's own modules; an ES module has no `require`.
    banner: {
      js: 'import{createRequire as twinhookCreateRequire}from"node:module";const require=twinhookCreateRequire(import.meta.url);',
    },
  });
  return Object.keys(metafile.inputs);
}

if (import.meta.main) console.log(`the App is bundled in ${fileURLToPath(await buildApp())}`);
