import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

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
    plugins: [withoutUndici],
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
    writeFile(join(folder, "licenses.txt"), await licenses(Object.keys(result.metafile.inputs))),
  ]);
  return bundle.byteLength;
}

/** The licences of all packages in the bundle. */
async function licenses(inputs: readonly string[]): Promise<string> {
  const folders = inputs.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  const packages = [...new Set(folders.filter((folder) => folder !== undefined))].sort();
  const texts = await Promise.all(
    packages.map(async (folder) => {
      const manifest = JSON.parse(await readFile(join(ROOT, folder, "package.json"), "utf8"));
      const { name, version, license, author, repository } = manifest;
      const file = (await readdir(join(ROOT, folder))).sort().find((entry) => /^licen[cs]e/i.test(entry));
      const text = file
        ? (await readFile(join(ROOT, folder, file), "utf8")).replace(/\r\n/g, "\n").trim()
        : `The package comes without the text of its licence. Author: ${author?.name ?? author}. Source: ${repository?.url ?? repository}`;
      return `${name} ${version} (${license})\n\n${text}`.trim();
    }),
  );
  return `${texts.join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const bytes = await buildAction(join(ROOT, "action/dist"));
  console.log(`action/dist/index.js: ${bytes} bytes`);
}
