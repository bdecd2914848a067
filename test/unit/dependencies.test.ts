import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import lock from "../../package-lock.json" with { type: "json" };

const ROOT = resolve(import.meta.dirname, "../..");
/** Commands and types, which no source names. */
const TOOLS = /^(@types\/.*|@biomejs\/biome|typescript)$/;

/** SPDX names of licences that ask for no more than their text beside the code. */
const FREE = ["MIT", "MIT-0", "ISC", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Apache-2.0", "Unlicense"];

const sourcesOf = (pattern: string) =>
  globSync(pattern, { cwd: ROOT, exclude: ["**/dist/**", import.meta.filename] }).map((file) =>
    readFileSync(resolve(ROOT, file), "utf8"),
  );
const app = sourcesOf("{app,shared}/**/*.ts");
const rest = sourcesOf("{*.ts,{action,test}/**/*.{ts,mjs}}");

/** Whether a source has the package's name, or the name of a file in it, as a text of its own. */
const names = (sources: string[], name: string) => sources.some((source) => source.includes(`"${name}`));

test("the App imports only packages that `npm ci --omit=dev` installs", () => {
  const imports = app.flatMap((source) => [
    ...source.matchAll(/(?:\bfrom |^import |\bimport\()"((?:@[^/"]+\/)?\w[^/":]*)["/]/gm),
  ]);
  const packages = new Set(imports.map(([, name = ""]) => name));
  expect(packages.size).toBeGreaterThan(10);
  expect([...packages].filter((name) => !(name in manifest.dependencies))).toEqual([]);
});

test("every dependency is used by the App", () => {
  expect(Object.keys(manifest.dependencies).filter((name) => !names(app, name))).toEqual([]);
});

test("every development dependency is used by the Action or the tests", () => {
  const used = (name: string) => TOOLS.test(name) || names(rest, name);
  expect(Object.keys(manifest.devDependencies).filter((name) => !used(name))).toEqual([]);
});

test("hosts of every architecture get the same version of Node", () => {
  expect([...new Set(Object.values(manifest.optionalDependencies))]).toEqual([
    expect.stringMatching(/^24\.\d+\.\d+$/),
  ]);
});

test("what an operator installs has a licence that asks for no more than its text", () => {
  const installed = Object.entries<{ dev?: boolean; license?: string }>(lock.packages).filter(
    ([path, { dev }]) => path !== "" && !dev,
  );
  expect(installed.length).toBeGreaterThan(50);
  expect(installed.filter(([, { license }]) => !FREE.includes(license ?? "none"))).toEqual([]);
});
