/** `npm run test:package`: installs the npm package into an empty folder, without a network, and plays the demo there. */
import { execFileSync } from "node:child_process";
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "twinhook-package-"));
const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` };
const run = (command: string, args: readonly string[], cwd: string) =>
  execFileSync(command, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

function check(what: string, isRight: boolean): void {
  if (!isRight) throw new Error(`the npm package is wrong: expected that ${what}`);
  console.log(`✓ ${what}`);
}

try {
  run(process.execPath, [join(ROOT, "app/bundle/package.ts")], ROOT);
  const archive = run("npm", ["pack", join(ROOT, "dist/package"), "--silent"], folder).trim();
  run("npm", ["init", "--yes"], folder);
  run("npm", ["install", "--offline", "--no-audit", "--no-fund", archive], folder);
  const installed = join(folder, "node_modules/twinhook");
  const twinhook = join(folder, "node_modules/.bin/twinhook");
  const sources = globSync("**/*.ts", { cwd: installed, exclude: ["**/pages/client/**"] });
  check(
    `it holds no sources that Node would have to strip: ${sources.join(", ") || "none"}`,
    sources.length === 0,
  );
  const nodes = globSync("node_modules/node-linux-*", { cwd: folder });
  check("it brings no second Node.js", nodes.length === 0);
  const examples = (root: string) => globSync("examples/**/*", { cwd: root }).sort().join();
  check("it holds every example, in folders too", examples(installed) === examples(ROOT));
  check("it says its version", /^\d+\.\d+\.\d+/.test(run(twinhook, ["--version"], folder)));
  check("it lists its commands", run(twinhook, [], folder).includes("switchover"));
  const story = run(twinhook, ["demo", "--once"], folder);
  check("the demo loses nothing, doubles nothing and keeps the order", /^ +0 lost/m.test(story));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
