import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { buildAction } from "../../../action/build.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const DIST = join(ROOT, "action/dist");

test("the bundle in action/dist is what the sources make (run `npm run build`)", async () => {
  const folder = await mkdtemp(join(tmpdir(), "twinhook-dist-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await buildAction(folder);
  const files = (await readdir(folder)).sort();
  expect((await readdir(DIST)).sort()).toEqual(files);
  for (const file of files)
    expect((await readFile(join(DIST, file))).equals(await readFile(join(folder, file))), file).toBe(true);
});

test("the bundle is small, holds no path of this machine, and comes with the licences of what is in it", async () => {
  const bundle = await readFile(join(DIST, "index.js"), "utf8");
  expect((await stat(join(DIST, "index.js"))).size).toBeLessThan(400_000);
  expect(bundle).not.toContain(ROOT);
  expect(bundle).not.toContain("node_modules");
  const licenses = await readFile(join(DIST, "licenses.txt"), "utf8");
  const parts = licenses.split(`\n\n${"-".repeat(80)}\n\n`);
  for (const part of parts) expect(part).toMatch(/^\S+ \d+\.\d+\.\d+ \(.+\)\n\n\S/);
  const names = parts.map((part) => part.split(" ")[0]);
  for (const name of ["@actions/core", "@octokit/rest", "cockatiel", "p-retry", "standardwebhooks", "tunnel"])
    expect(names).toContain(name);
});

// Only where the tree is meant to be clean: while someone works on the Action it is not.
test.runIf(process.env.CI)("everything in action/dist is committed", async () => {
  const { stdout } = await promisify(execFile)("git", ["status", "--porcelain", "action/dist"], {
    cwd: ROOT,
  });
  expect(stdout).toBe("");
});
