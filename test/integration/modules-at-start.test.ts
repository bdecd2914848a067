import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { mainFile, newEntryPoint } from "../../app/bundle/entry-points.ts";
import { compileCache } from "../../app/config/compile-cache.ts";
import { temporaryDirectory } from "../helpers/stores.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** All modules that a process loads with this one, relative to the project. */
function modulesOf(file: string): string[] {
  const list = join(ROOT, "test/helpers/list-modules.mjs");
  const output = execFileSync(process.execPath, [list, join(ROOT, file)], { encoding: "utf8" });
  return output.split("\n").map((url) => url.replace(`file://${ROOT}/`, ""));
}

const packageOf = (module: string) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(module)?.[1];

describe("an instance that starts", () => {
  const modules = modulesOf("app/instance/instance.ts");

  test("loads no pages", () => {
    expect(modules).toContain("app/http/server.ts");
    expect(modules.filter((module) => /^app\/(routes\/page-routes|pages\/layout)/.test(module))).toEqual([]);
  });

  test("loads nothing of what a request, a mail or another store would need first", () => {
    const later = ["nodemailer", "pg"];
    expect(modules.filter((module) => later.includes(packageOf(module) ?? ""))).toEqual([]);
    expect(modules.filter((module) => module.startsWith("app/http/openapi/"))).toEqual([]);
  });
});

test("a runner loads little more than the queue and its store", () => {
  const packages = new Set(modulesOf("app/run/runner.ts").map(packageOf));
  expect([...packages].filter((name) => name !== undefined).toSorted()).toEqual([
    "is-network-error",
    "kysely",
    "p-retry",
  ]);
});

test.each([
  ["npm start", join(ROOT, "app/main.js")],
  ["the start of an instance by its supervisor", fileURLToPath(mainFile("app"))],
])("%s loads no compiler of types", (_, main) => {
  const tell = 'process.on("exit", () => console.log(process.moduleLoadList.join("\\n")))';
  const output = execFileSync(
    process.execPath,
    ["--import", `data:text/javascript,${tell}`, main, "--help"],
    {
      encoding: "utf8",
    },
  );
  expect(output).toContain("NativeModule fs\n");
  expect(output).not.toContain("amaro");
});

describe("a worker from the bundle", () => {
  const runner = newEntryPoint("runner").href;

  test("loads a few files", () => {
    const list = join(ROOT, "test/helpers/list-modules.mjs");
    const output = execFileSync(process.execPath, [list, runner], { encoding: "utf8" });
    const files = output.split("\n").filter((url) => url.startsWith("file:"));
    expect(files).toContain(runner);
    expect(files.length).toBeLessThan(12);
  });

  test("loads nothing of fetch, which an import of node:http would", () => {
    const script = `await import(${JSON.stringify(runner)});
      console.log(process.moduleLoadList.join("\\n"));
      process.exit(0);`;
    const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
    });
    expect(output).toContain("NativeModule http\n");
    expect(output).not.toContain("undici");
  });
});

test("the supervisor loads neither the instance nor the store", () => {
  const modules = modulesOf("app/supervisor/supervisor.ts");
  expect(modules).toContain("app/supervisor/liveness.ts");
  expect(modules.filter((module) => /^app\/(instance|store)|kysely|probot/.test(module))).toEqual([]);
});

test("a command loads the parser and its own modules, never the instance", () => {
  const packagesOf = (file: string) => new Set(modulesOf(file).flatMap((module) => packageOf(module) ?? []));
  expect([...packagesOf("app/cli/program.ts")]).toEqual(["commander"]);
  expect([...packagesOf("app/cli/acts.ts")]).toEqual([]);
  expect(modulesOf("app/cli/stored.ts").filter((module) => module.startsWith("app/instance/"))).toEqual([]);
});

describe("the folder for compiled code", () => {
  test("is made in a state directory that nobody else may enter", () => {
    const state = join(temporaryDirectory(), "data");
    expect(compileCache(state)).toBe(join(state, "compile-cache"));
    expect(statSync(state).mode & 0o777).toBe(0o700);
  });

  test("has what a thread of the store compiled even where its process is killed", async () => {
    const folder = temporaryDirectory();
    const cache = join(folder, "cache");
    const thread = JSON.stringify(join(ROOT, "app/store/sqlite/database-thread.ts"));
    const path = JSON.stringify(join(folder, "twinhook.db"));
    const script = join(folder, "main.mjs");
    const text = `
      const { DatabaseThread } = await import(${thread});
      const thread = new DatabaseThread({ path: ${path}, readOnly: false, watchMs: 0 }, () => {});
      await thread.ask({ op: "query", sql: "SELECT 1", parameters: [] });
      console.log("answered");`;
    writeFileSync(script, text);
    const child = spawn(process.execPath, [script], {
      env: { ...process.env, NODE_COMPILE_CACHE: cache },
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    const files = readdirSync(cache, { recursive: true, withFileTypes: true });
    expect(files.filter((entry) => entry.isFile())).not.toEqual([]);
  });
});
