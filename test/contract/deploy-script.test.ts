import { execFileSync } from "node:child_process";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../helpers/stores.ts";

/** The deploy script of the setup page, but for its last lines, which build and restart a site. */
const SCRIPT = (
  /( +)#!\/bin\/sh -e\n.*?(?=\n +```)/s.exec(readFileSync("docs/how-to/set-up-with-nginx.md", "utf8"))?.[0] ??
  ""
)
  .replace(/^ {3}/gm, "")
  .replace(/^(make|sudo) .*$/gm, "");

/** A repository with two commits, as GitHub has it, and a clone of the first alone. */
function repositories() {
  const folder = temporaryDirectory();
  const [origin, clone, script] = ["origin", "clone", "deploy.sh"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const git = (directory: string, ...args: string[]) =>
    execFileSync("git", ["-C", directory, "-c", "user.name=t", "-c", "user.email=t@example.com", ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    }).trim();
  const commit = (text: string) => {
    writeFileSync(join(origin, "page"), text);
    git(origin, "add", "page");
    git(origin, "commit", "-qm", text);
    return git(origin, "rev-parse", "HEAD");
  };
  git(folder, "init", "-q", origin);
  const first = commit("first");
  git(folder, "clone", "-q", origin, clone);
  const second = commit("second");
  git(origin, "tag", "v2");
  writeFileSync(script, SCRIPT, { mode: 0o755 });
  const deploy = (sha: string) => {
    execFileSync(script, { cwd: clone, env: { ...process.env, TWINHOOK_SHA: sha }, stdio: "pipe" });
    return readFileSync(join(clone, "page"), "utf8");
  };
  return { origin, first, second, deploy, tags: () => git(clone, "tag") };
}

test("the documented deploy script needs GitHub only for a commit that the clone does not have", () => {
  const { origin, first, second, deploy, tags } = repositories();
  expect(SCRIPT).toContain("git checkout");
  expect(deploy(second)).toBe("second");
  expect(tags()).toBe("");
  renameSync(origin, `${origin}-away`);
  expect([deploy(first), deploy(second)]).toEqual(["first", "second"]);
});
