import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../helpers/stores.ts";

const ROOT = resolve(import.meta.dirname, "../../..");

/** A checkout of the App, as `npm ci` leaves it. */
function checkout() {
  const folder = temporaryDirectory();
  for (const name of ["app", "shared", "app.yml", "package.json", "package-lock.json"])
    cpSync(join(ROOT, name), join(folder, name), {
      recursive: true,
      filter: (path) => path !== join(ROOT, "app/dist"),
    });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const run = (...args: string[]) =>
    execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8" }).trim();
  const build = () => run("app/bundle/build.ts");
  const bundles = () => readdirSync(join(folder, "app/dist")).map((name) => join(folder, "app/dist", name));
  build();
  return { folder, build, bundles, version: () => run("app/main.ts", "--version") };
}

test("the App is loaded from its bundle", () => {
  const { bundles, version } = checkout();
  const [bundle = ""] = bundles();
  writeFileSync(join(bundle, "command-line.js"), 'console.log("the bundle");');
  expect(version()).toBe("the bundle");
});

test("a bundle may be read by the user that the service runs as", () => {
  const [bundle = ""] = checkout().bundles();
  for (const name of [".", ...readdirSync(bundle)])
    expect(statSync(join(bundle, name)).mode & 0o444).toBe(0o444);
});

test("the App is loaded from its sources once they differ from those of the bundle", () => {
  const { folder, version } = checkout();
  const file = join(folder, "app/command-line.ts");
  // At its beginning: it may end the process at its end.
  writeFileSync(file, `console.log("edited");\n${readFileSync(file, "utf8")}`);
  expect(version()).toContain("edited");
});

test("old bundles go, but for the last ones, which instances may still run from", () => {
  const { folder, build, bundles } = checkout();
  const [first = ""] = bundles();
  const edit = () => {
    appendFileSync(join(folder, "app/command-line.ts"), "\n");
    build();
  };
  edit();
  expect(bundles()).toContain(first);
  edit();
  edit();
  expect(bundles()).toHaveLength(3);
  expect(bundles()).not.toContain(first);
});

test("a stack trace names the line of the source, not of the bundle", () => {
  const { folder, build, version } = checkout();
  const file = join(folder, "app/command-line.ts");
  writeFileSync(file, `throw new Error("planted");\n${readFileSync(file, "utf8")}`);
  build();
  expect(version).toThrow(/Error: planted\n +at \S*\/app\/command-line\.ts:1:7\n/);
});
