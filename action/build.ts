import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import { licenses } from "../shared/licenses.ts";
import { plainBuiltins } from "../shared/plain-builtins.ts";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/**
 * `@actions/http-client` imports undici for one method that the Action never calls. With undici the bundle
 * would be nearly seven times as large.
 */
const withoutUndici: Plugin = {
  name: "without-undici",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^undici$/ }, () => ({ path: "undici", namespace: "left-out" }));
    onLoad({ filter: /.*/, namespace: "left-out" }, () => ({
      contents: `export class ProxyAgent { constructor() { throw new Error("undici is not part of this bundle"); } }`,
    }));
  },
};

/**
 * Bundles the Action into `folder`. The same sources and packages give the same bytes on every machine.
 * @returns the size of the bundle in bytes.
 */
export async function buildAction(folder: string): Promise<number> {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: ["action/main.ts"],
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node24",
    minify: true,
    legalComments: "none",
    metafile: true,
    write: false,
    logLevel: "warning",
    plugins: [withoutUndici, plainBuiltins],
    // The CommonJS packages call `require` for Node's own modules; an ES module has no `require`.
    banner: {
      js: 'import{createRequire as twinhookCreateRequire}from"node:module";const require=twinhookCreateRequire(import.meta.url);',
    },
  });
  const bundle = result.outputFiles[0]?.contents;
  if (!bundle) throw new Error("esbuild made no bundle");
  await mkdir(folder, { recursive: true });
  await Promise.all([
    writeFile(join(folder, "index.js"), bundle),
    writeFile(join(folder, "package.json"), '{ "type": "module" }\n'),
    writeFile(join(folder, "licenses.txt"), await licenses(ROOT, Object.keys(result.metafile.inputs))),
  ]);
  return bundle.byteLength;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const bytes = await buildAction(join(ROOT, "action/dist"));
  console.log(`action/dist/index.js: ${bytes} bytes`);
}
