import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { type Answers, type Ask, init } from "../../../app/cli/host/init.ts";
import { runCommand } from "../../../app/cli/program.ts";
import { configSchema } from "../../../app/config/schema.ts";
import { RecordedTerminal } from "../../helpers/recorded-terminal.ts";
import { temporaryDirectory } from "../../helpers/stores.ts";

const GIVEN = { primary: "https://deploy.example.com:9000", admin: "octocat", repository: "acme/site" };

function inFolder(folder = temporaryDirectory()) {
  const terminal = new RecordedTerminal({ PATH: process.env.PATH });
  const read = (file: string) => readFileSync(join(folder, file), "utf8");
  return {
    folder,
    terminal,
    read,
    init: (options: Answers & { yes?: boolean; force?: boolean; json?: boolean }, ask: Ask | null = null) =>
      init(terminal, options, ask, folder),
  };
}

test("init writes a configuration, an .env for its owner alone, and the job of the workflow", async () => {
  const { folder, read, terminal, init } = inFolder();
  expect(await init({ ...GIVEN, yes: true })).toBe(0);
  const config = configSchema.parse(parse(read("twinhook.yml")));
  expect(config.instances.map(({ url }) => url)).toEqual([
    "https://deploy.example.com:9000",
    "https://deploy.example.com:9001",
  ]);
  expect(config.targets).toMatchObject([{ repository: "acme/site", directory: "/srv/site" }]);
  expect(statSync(join(folder, ".env")).mode & 0o777).toBe(0o600);
  expect(parseEnv(read(".env")).TWINHOOK_ADMIN_TOKEN).toMatch(/^[0-9a-f]{64}$/);
  expect(read("twinhook-workflow.yml")).toContain("https://deploy.example.com:9001");
  expect(terminal.out).toMatch(/targets\[0\]\.directory.*mkdir[\s\S]*twinhook start[\s\S]*twinhook doctor/);
});

test("init asks for what no option says, and an empty answer takes the default", async () => {
  const { read, init } = inFolder();
  const asked: string[] = [];
  const ask: Ask = async (question) => {
    asked.push(question);
    return question.startsWith("Environment") ? "staging" : "";
  };
  expect(await init(GIVEN, ask)).toBe(0);
  expect(asked).toContain("Environment [production]: ");
  expect(asked.some((question) => question.startsWith("Repository"))).toBe(false);
  expect(parse(read("twinhook.yml"))).toMatchObject({
    targets: [{ environment: "staging", workflow: ".github/workflows/ci.yml" }],
  });
});

test("init replaces nothing without --force, and with it keeps the secrets that .env has", async () => {
  const { folder, read, init } = inFolder();
  writeFileSync(join(folder, ".env"), "APP_ID=17\n");
  await expect(init({ ...GIVEN, yes: true })).rejects.toMatchObject({
    exitCode: 1,
    message: expect.stringMatching(/\.env exist.*--force/),
  });
  expect(() => read("twinhook.yml")).toThrow("ENOENT");
  expect(await init({ ...GIVEN, yes: true, force: true })).toBe(0);
  expect(parseEnv(read(".env"))).toMatchObject({ APP_ID: "17", TWINHOOK_ADMIN_TOKEN: expect.any(String) });
});

test.each([
  [{ yes: true }, /no default for --admin and --repository/],
  [{ ...GIVEN, repository: "site", yes: true }, /targets\.0\.repository: expected/],
])("init with %o is a wrong command line, and writes nothing", async (options, message) => {
  const { read, init } = inFolder();
  await expect(init(options)).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
  expect(() => read("twinhook.yml")).toThrow("ENOENT");
});

test.each(["bash", "zsh", "fish"])("completion for %s names every command", async (shell) => {
  const { terminal } = inFolder();
  expect(await runCommand(["completion", shell], terminal)).toBe(0);
  for (const command of ["start", "doctor", "reload", "restart", "init", "migrate", "completion"])
    expect(terminal.out).toContain(command);
});

test("completion for another shell is a wrong command line", async () => {
  const { terminal } = inFolder();
  expect(await runCommand(["completion", "tcsh"], terminal)).toBe(2);
  expect(terminal.err).toContain("bash, zsh, fish");
});
