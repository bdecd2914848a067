import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { INSTANCE_OPTIONS } from "../../app/supervisor/keeper.ts";

/** A build of Twinhook that an instance is started from. */
export interface Build {
  /** How the reports call it. */
  name: string;
  /** The file that starts an instance, and Node's options for it. */
  main: string;
  nodeOptions: readonly string[];
}

/** The build of another commit, in a git worktree of its own. */
export interface OtherBuild extends Build {
  /** Removes the worktree. */
  remove(): void;
}

const ROOT = resolve(import.meta.dirname, "../..");
/** The files that named the options of an instance, from the newest to the oldest. */
const NAME_OPTIONS = ["app/supervisor/keeper.ts", "app/start.ts"];

/** The build that these files are. */
export const OWN_BUILD: Build = {
  name: "Twinhook",
  main: join(ROOT, "app/main.js"),
  nodeOptions: INSTANCE_OPTIONS,
};

/**
 * Checks out a commit and bundles it. It uses the packages of this folder, unless its lock file differs: then it
 * installs its own.
 * @throws {Error} when git knows no such commit, or its build fails.
 */
export function checkOut(commit: string): OtherBuild {
  const id = git("rev-parse", "--verify", "--quiet", `${commit}^{commit}`);
  const directory = mkdtempSync(join(tmpdir(), "twinhook-bench-commit-"));
  const remove = () => {
    // A worktree that was not added is only a folder.
    rmSync(directory, { recursive: true, force: true });
    git("worktree", "prune");
  };
  try {
    git("worktree", "add", "--detach", "--force", directory, id);
    if (sameFile(directory, "package-lock.json"))
      symlinkSync(join(ROOT, "node_modules"), join(directory, "node_modules"));
    else run(directory, "npm", ["ci", "--no-audit", "--no-fund"]);
    if (existsSync(join(directory, "app/bundle/build.ts")))
      run(directory, process.execPath, ["app/bundle/build.ts"]);
    const [main] = ["app/main.js", "app/main.ts"].map((file) => join(directory, file)).filter(existsSync);
    if (!main)
      throw new Error(`commit ${commit} has no app/main.js and no app/main.ts, so nothing can be started`);
    return { name: id.slice(0, 7), main, nodeOptions: optionsOf(directory), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function sameFile(directory: string, name: string): boolean {
  return readFileSync(join(ROOT, name)).equals(readFileSync(join(directory, name)));
}

/** The options for an instance, read by a process of that build. */
function optionsOf(directory: string): string[] {
  const file = NAME_OPTIONS.map((name) => join(directory, name)).find((path) => existsSync(path));
  if (!file) return [...INSTANCE_OPTIONS];
  const print = `console.log(JSON.stringify((await import(${JSON.stringify(pathToFileURL(file))})).INSTANCE_OPTIONS))`;
  return JSON.parse(run(directory, process.execPath, ["--input-type=module", "--eval", print]));
}

function git(...args: string[]): string {
  return run(ROOT, "git", args).trim();
}

function run(cwd: string, file: string, args: readonly string[]): string {
  return execFileSync(file, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
