/**
 * `npm run package`: makes the npm package in `dist/package`, ready for `npm publish`. It holds built JavaScript,
 * since Node strips no types below `node_modules`, and all libraries in the versions that were tested.
 */
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { licenses } from "../../shared/licenses.ts";
import { bundle } from "./build.ts";
import { appFile, ENTRY_POINTS } from "./entry-points.ts";

const ROOT = fileURLToPath(appFile("../"));
const PACKAGE = join(ROOT, "dist/package");
/** What is read as it is, beside the built files. */
const FILES = [
  "LICENSE",
  "*.md",
  "action.yml",
  "app.yml",
  "twinhook.example.yml",
  "twinhook.schema.json",
  "app/*/README.md",
  "app/cli/twinhook",
  "app/metrics/*.{json,md,yml}",
  "app/pages/*.{css,png,svg}",
  "app/pages/client/*.ts",
  "action/dist/*",
  "action/report/report.schema.json",
  "dist/systemd/*",
  "examples/*",
  // The demo's simulated GitHub reads them.
  "test/simulator/api-description.json",
  "node_modules/@octokit/webhooks-examples/{package.json,api.github.com/index.json}",
  // Browsers read them.
  "node_modules/{idiomorph,uplot}/package.json",
  "node_modules/idiomorph/dist/idiomorph.esm.js",
  "node_modules/uplot/dist/{uPlot.esm.js,uPlot.min.css}",
];
/** The App reads files of these libraries by name, so the package contains them. */
const BUNDLED = ["@octokit/webhooks-examples", "idiomorph", "uplot"];

rmSync(PACKAGE, { recursive: true, force: true });
const built = join(PACKAGE, "app/dist/package");
const inputs = await bundle({ ...ENTRY_POINTS, demo: "../test/demo/main.ts" }, built);
for (const file of globSync(FILES, { cwd: ROOT })) {
  mkdirSync(join(PACKAGE, dirname(file)), { recursive: true });
  cpSync(join(ROOT, file), join(PACKAGE, file), { recursive: true });
}
const inPackages = BUNDLED.map((name) => `../node_modules/${name}/`);
writeFileSync(
  join(built, "licenses.txt"),
  await licenses(fileURLToPath(appFile(".")), [...inputs, ...inPackages]),
);

const {
  scripts: _,
  allowScripts: __,
  overrides: ___,
  devDependencies,
  optionalDependencies: ____,
  ...manifest
} = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const versions = { ...devDependencies, ...manifest.dependencies };
writeFileSync(
  join(PACKAGE, "package.json"),
  `${JSON.stringify(
    {
      ...manifest,
      dependencies: Object.fromEntries(BUNDLED.map((name) => [name, versions[name]])),
      bundleDependencies: BUNDLED,
    },
    null,
    2,
  )}\n`,
);
console.log(`the npm package is made in ${PACKAGE}`);
