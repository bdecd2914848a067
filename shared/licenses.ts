import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The licences of all packages whose files, relative to `root`, a bundle holds. */
export async function licenses(root: string, inputs: readonly string[]): Promise<string> {
  const folders = inputs.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  const packages = [...new Set(folders.filter((folder) => folder !== undefined))].sort();
  const texts = await Promise.all(
    packages.map(async (folder) => {
      const manifest = JSON.parse(await readFile(join(root, folder, "package.json"), "utf8"));
      const { name, version, license, author, repository } = manifest;
      const file = (await readdir(join(root, folder))).sort().find((entry) => /^licen[cs]e/i.test(entry));
      const text = file
        ? (await readFile(join(root, folder, file), "utf8")).replace(/\r\n/g, "\n").trim()
        : `The package comes without the text of its licence. Author: ${author?.name ?? author}. Source: ${repository?.url ?? repository}`;
      return `${name} ${version} (${license})\n\n${text}`.trim();
    }),
  );
  return `${texts.join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}
