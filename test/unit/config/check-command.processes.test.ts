import { resolve } from "node:path";
import { expect, test } from "vitest";
import { AppProcess } from "../../helpers/process.ts";
import { ConfigFile, content, type Variables, withTarget } from "./config-file.ts";

const ROOT = resolve(import.meta.dirname, "../../..");

async function check(file: ConfigFile, env: Variables = {}) {
  const started = new AppProcess([resolve(ROOT, "app/main.ts"), "--check"], {
    cwd: file.folder,
    env: { ...file.env, ...env } as NodeJS.ProcessEnv,
  });
  const { code } = await started.ended;
  return { code, output: started.output };
}

test("--check says that a configuration is right, and ends with 0", async () => {
  const file = new ConfigFile(content());
  expect(await check(file)).toEqual({
    code: 0,
    output: expect.stringContaining("is right: 2 instances, 1 target"),
  });
});

test("--check reports everything that is wrong, a line each, and ends with 78", async () => {
  const file = new ConfigFile(withTarget({ timeout: 15, queue: "newest" }), { LOG_LEVEL: "loud" });
  const { code, output } = await check(file);
  expect(code).toBe(78);
  expect(output).toContain("the configuration has 3 problems:");
  expect(output).toMatch(/twinhook\.yml:\d+: targets\[0\]\.timeout: expected/);
  expect(output).toMatch(/twinhook\.yml:\d+: targets\[0\]\.queue: expected/);
  expect(output).toContain("environment: LOG_LEVEL: expected");
});

test("--check of the example asks for nothing but what only its reader has", async () => {
  const file = new ConfigFile("");
  const { code, output } = await check(file, { TWINHOOK_CONFIG: resolve(ROOT, "twinhook.example.yml") });
  expect(code).toBe(78);
  expect(output).toContain("the configuration has 1 problem:");
  expect(output).toContain("targets[0].directory: expected a directory that exists");
});

test("--check without credentials says where to get them, and ends with 78", async () => {
  const file = new ConfigFile(content(), { APP_ID: "", PRIVATE_KEY: "", WEBHOOK_SECRET: "" });
  const { code, output } = await check(file);
  expect(code).toBe(78);
  for (const name of ["APP_ID", "PRIVATE_KEY", "WEBHOOK_SECRET"])
    expect(output).toMatch(
      new RegExp(`environment: ${name}: expected .*, got nothing; .*https://github.com/settings/apps`),
    );
});
