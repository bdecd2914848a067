import { describe, expect, it, onTestFinished, test } from "vitest";
import { configWarnings } from "../../../app/config/load.ts";
import { secretValues } from "../../../app/config/secret-values.ts";
import { ConfigFile, withTarget } from "./config-file.ts";

const NONE = { env: {}, pass_env: [], mask: [] };

test.each([
  "API_TOKEN",
  "DB_PASSWORD",
  "client_secret",
  "SSH_KEY",
  "APIKEY",
  "PRIVATE_PEM",
  "SENTRY_DSN",
  "NPM_AUTH_TOKEN",
])("the value of %s in env is masked", (name) => {
  expect(secretValues({ ...NONE, env: { [name]: "the value" } }, {})).toEqual(["the value"]);
});

test.each(["MONKEYS", "PATH_TO_SITE", "STAGE", "KEYBOARD"])(
  "the value of %s in env is not masked",
  (name) => {
    expect(secretValues({ ...NONE, env: { [name]: "the value" } }, {})).toEqual([]);
  },
);

it("masks what pass_env and mask name, in env and in the instance's environment", () => {
  const target = { env: { OTHER: "of the target" }, pass_env: ["PASSED"], mask: ["OTHER", "OUTER"] };
  const values = secretValues(target, { PASSED: "passed on", OTHER: "of the instance", OUTER: "not passed" });
  expect(values.toSorted()).toEqual(["not passed", "of the instance", "of the target", "passed on"]);
});

it("masks each line of a value that has 6 characters or more", () => {
  const value = "first line\r\n  indented\n\n12345\n123456\n";
  expect(secretValues({ ...NONE, mask: ["A"] }, { A: value })).toEqual(["first line", "indented", "123456"]);
});

test.each([
  ["postgres://user:p%40ssword@host/db", ["p%40ssword", "p@ssword"]],
  ["https://a-token@example.com/", ["a-token"]],
  ["postgres://postgres@host/db", []],
  ["mailto:somebody@example.com", []],
])("masks what is secret in the URL %s also alone", (url, secrets) => {
  expect(secretValues({ ...NONE, mask: ["A"] }, { A: url })).toEqual([url, ...secrets]);
});

describe("--check", () => {
  const warnings = (target: Record<string, unknown>, env: Record<string, string> = {}) => {
    for (const [name, value] of Object.entries(env)) process.env[name] = value;
    onTestFinished(() => {
      for (const name of Object.keys(env)) delete process.env[name];
    });
    return configWarnings(new ConfigFile(withTarget(target), env).load()).filter((line) =>
      line.includes("mask"),
    );
  };

  it("warns of secrets that are too short to be masked, and does not quote them", () => {
    expect(warnings({ env: { API_TOKEN: "12345" }, pass_env: ["PIN"] }, { PIN: "first line\n1234" })).toEqual(
      [
        "targets[0].env.API_TOKEN: API_TOKEN is shorter than 6 characters, which is not masked in the output",
        "targets[0].pass_env[0]: PIN has a line that is shorter than 6 characters, which is not masked in the output",
      ],
    );
  });

  it("does not warn of secrets that are masked whole", () => {
    expect(warnings({ env: { API_TOKEN: "123456", PLAIN: "1" } })).toEqual([]);
  });

  it("refuses a name in mask that no variable has", () => {
    const [message] = new ConfigFile(withTarget({ env: { A: "1" }, mask: ["A", "NOBODY"] })).messages();
    expect(message).toMatch(
      /^twinhook.yml:\d+: targets\[0\].mask\[1\]: expected the variable NOBODY to be set, in `env` or in the instance's environment, got nothing; set NOBODY, or remove it here$/,
    );
  });
});
