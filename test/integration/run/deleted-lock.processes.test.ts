import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { OsLock } from "../../../app/run/os-lock.ts";
import { RunRegistry } from "../../../app/run/run-registry.ts";
import { atTestEnd } from "../../helpers/at-test-end.ts";
import { temporaryDirectory } from "../../helpers/stores.ts";

const MODULE = resolve(import.meta.dirname, "../../../app/run/os-lock.ts");

/** Another process that holds the lock "target" until it is ended. */
async function holder(directory: string) {
  const script = `
    import { OsLock } from ${JSON.stringify(MODULE)};
    globalThis.held = OsLock.tryAcquire(${JSON.stringify(directory)}, "target");
    console.log(globalThis.held !== null);
    setInterval(() => {}, 60_000);`;
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", script],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  atTestEnd(() => child.kill("SIGKILL"));
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  expect(line).toBe("true");
  return child;
}

it.each(["its file", "its whole folder"])("a lock is held on although %s was deleted", async (what) => {
  const directory = join(temporaryDirectory(), "locks");
  const child = await holder(directory);
  rmSync(directory, { recursive: true });
  if (what === "its file") OsLock.tryAcquire(directory, "another lock");
  expect(OsLock.tryAcquire(directory, "target")).toBeNull();
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  const taken = OsLock.tryAcquire(directory, "target");
  expect(taken).not.toBeNull();
  taken?.release();
});

it("a registry whose folder was deleted is empty, and takes new entries", () => {
  const directory = temporaryDirectory();
  const registry = new RunRegistry(directory);
  rmSync(join(directory, "runs"), { recursive: true });
  expect(registry.list()).toEqual([]);
  const runner = { pid: 1, startTime: "1", bootId: "b", pidNamespace: "n" };
  registry.write({ holder: "run_1", runner, command: null });
  expect(registry.list()).toEqual([{ holder: "run_1", runner, command: null }]);
});
