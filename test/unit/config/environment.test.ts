import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { missingCredentials, readEnvironment } from "../../../app/config/environment/environment.ts";
import { configWarnings } from "../../../app/config/load.ts";
import {
  ConfigFile,
  content,
  PRIVATE_KEY,
  type Variables,
  withInstances,
  withTarget,
} from "./config-file.ts";

describe("a variable that cannot be used is refused", () => {
  test.each<[string, string, string]>([
    ["LOG_LEVEL", "loud", 'expected one of trace, debug, info, warn, error, fatal, silent, got "loud"'],
    ["APP_ID", "Iv1.0123456789abcdef", 'expected a number, got "Iv1.0123456789abcdef"; it is the "App ID"'],
    [
      "GHE_HOST",
      "https://github.example.com",
      'expected a host name, such as github.example.com, got "https://github.example.com"; leave out https://',
    ],
    ["GHE_PROTOCOL", "ftp", 'expected https or http, got "ftp"'],
    [
      "DATABASE_URL",
      "mysql://db/app",
      'expected sqlite:PATH, such as "sqlite:./data/twinhook.db", or postgres://USER@HOST/DATABASE, got "mysql://db/app"',
    ],
    ["DATABASE_URL", "postgres://u:pa#ss@h:5432/db", "in a password write %40 for @"],
    ["TWINHOOK_OIDC_ISSUER", "token.example.com", "expected an http:// or https:// URL"],
    ["TWINHOOK_ADMIN_TOKEN", "two words of some length", "expected text without spaces"],
    ["TWINHOOK_ADMIN_TOKEN", "hunter2", "of at least 16 characters"],
    ["WEBHOOK_SECRET", "hunter2", "expected at least 16 characters, got text that is not shown"],
    ["PRIVATE_KEY", "not a key", "expected a whole private key in PEM format"],
    ["PRIVATE_KEY", PRIVATE_KEY.slice(0, 300), "expected a whole private key in PEM format"],
  ])("%s %j", (name, value, message) => {
    const file = new ConfigFile(content(), { [name]: value });
    expect(file.messages()).toEqual([expect.stringContaining(`environment: ${name}: `)]);
    expect(file.messages()[0]).toContain(message);
  });
});

test("what is wrong in the environment is not said to be missing as well", () => {
  const file = new ConfigFile(content(), { APP_ID: "x", PRIVATE_KEY: "", PRIVATE_KEY_PATH: "/nowhere.pem" });
  expect(file.problems().map(({ key, got }) => [key, got])).toEqual([
    ["APP_ID", '"x"'],
    ["PRIVATE_KEY_PATH", '"/nowhere.pem" (ENOENT)'],
  ]);
});

describe("the App's key may be given", () => {
  test.each<[string, Variables]>([
    ["as it is", { PRIVATE_KEY }],
    ["on one line", { PRIVATE_KEY: PRIVATE_KEY.replaceAll("\n", "\\n") }],
    ["in base64", { PRIVATE_KEY: Buffer.from(PRIVATE_KEY).toString("base64") }],
  ])("%s", (_, env) => {
    const { environment, problems } = readEnvironment(env as NodeJS.ProcessEnv);
    expect(problems).toEqual([]);
    expect(environment.privateKey?.trim()).toBe(PRIVATE_KEY.trim());
  });

  test("as a file", () => {
    const file = new ConfigFile(content());
    const path = join(file.folder, "app.pem");
    writeFileSync(path, PRIVATE_KEY);
    expect(readEnvironment({ PRIVATE_KEY_PATH: path }).environment.privateKey).toBe(PRIVATE_KEY.trim());
  });
});

test("what is missing is named with the place where to get it", () => {
  const missing = missingCredentials(readEnvironment({ GHE_HOST: "github.example.com" }).environment);
  expect(missing.map(({ key }) => key)).toEqual(["APP_ID", "PRIVATE_KEY", "WEBHOOK_SECRET"]);
  for (const { remedy } of missing) expect(remedy).toContain("https://github.example.com/settings/apps");
});

test("DATABASE_URL goes before the file's store, and SQLite's path is relative to the file", () => {
  const here = new ConfigFile(content());
  expect(here.load()).toMatchObject({
    store: { engine: "sqlite", path: join(here.folder, "data/twinhook.db") },
    stateDirectory: join(here.folder, "data"),
  });
  const there = new ConfigFile(content(), { DATABASE_URL: "postgres://u:p%40ss@h/db" });
  expect(there.load().store).toEqual({ engine: "postgres", url: "postgres://u:p%40ss@h/db" });
});

test("several hosts may share the PostgreSQL database that DATABASE_URL names", () => {
  const file = new ConfigFile(withInstances({ host: "a" }, { host: "b" }), {
    DATABASE_URL: "postgres://h/db",
  });
  expect(file.messages()).toEqual([]);
});

test("only addresses that others can read along are warned of", () => {
  const urls = (primary: string, backup: string) =>
    configWarnings(new ConfigFile(withInstances({ url: primary }, { url: backup })).load());
  expect(urls("http://127.0.0.1:9000", "http://localhost:9001")).toEqual([]);
  expect(urls("https://a.example.com", "HTTP://b.example.com")).toEqual([
    expect.stringContaining("HTTP://b.example.com is not encrypted"),
  ]);
  const issuer = (url: string) => configWarnings(new ConfigFile(content({ oidc: { issuer: url } })).load());
  expect(issuer("http://127.0.0.1:8080")).toEqual([]);
  expect(issuer("http://github.example.com")).toEqual([expect.stringContaining("can forge tokens")]);
});

test("an event that GitHub does not have is warned of, as no run will come of it", () => {
  const warnings = (...events: string[]) =>
    configWarnings(new ConfigFile(withTarget({ events })).load()).filter((line) => line.includes("events"));
  expect(warnings("push", "workflow_dispatch", "schedule")).toEqual([]);
  expect(warnings("pussh")).toEqual([
    expect.stringContaining("no known event named pussh; did you mean push?"),
  ]);
});

describe("who signs the tokens of GitHub Actions", () => {
  const GHE = { GHE_HOST: "github.example.com", GHE_PROTOCOL: "https" };
  const OWN = { oidc: { issuer: "https://tokens.example.com/" } };
  test.each<[string, object, Variables, string]>([
    ["github.com by default", {}, {}, "https://token.actions.githubusercontent.com"],
    ["the GitHub Enterprise Server itself", {}, GHE, "https://github.example.com/_services/token"],
    ["what the file says", OWN, GHE, "https://tokens.example.com"],
    [
      "what the environment says",
      OWN,
      { TWINHOOK_OIDC_ISSUER: "https://x.example.com/" },
      "https://x.example.com",
    ],
  ])("is %s", (_what, file, env, issuer) => {
    expect(new ConfigFile(content({ ...file }), env).load().oidc.issuer).toBe(issuer);
  });
});
