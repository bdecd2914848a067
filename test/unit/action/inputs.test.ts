import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { InputError } from "../../../action/input/input-error.ts";
import { INPUT_DEFAULTS, parseInputs } from "../../../action/input/inputs.ts";
import { outputs } from "../../../action/report/outputs.ts";
import { TEST_SECRET } from "../../helpers/action/scripted-endpoint.ts";
import { stepReport } from "../../helpers/action/step-report.ts";

const RIGHT = { endpoints: "https://a.example.com", environment: "production", secret: TEST_SECRET };

function read(inputs: Record<string, string>, env: Record<string, string> = {}) {
  return parseInputs((name) => inputs[name] ?? "", env);
}

function problemsOf(inputs: Record<string, string>, env: Record<string, string> = {}): readonly string[] {
  try {
    read(inputs, env);
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
  return [];
}

const metadata = parse(readFileSync(new URL("../../../action.yml", import.meta.url), "utf8")) as {
  inputs: Record<string, { description: string; default?: string; required: boolean }>;
  outputs: Record<string, { description: string }>;
  runs: { using: string; main: string };
};

test("the defaults are those of the interface", () => {
  expect(read(RIGHT)).toMatchObject({
    waitFor: "started",
    onSuperseded: "pass",
    timeoutMs: 1_200_000,
    requestTimeoutMs: 2_000,
    maxAttempts: 5,
    baseDelayMs: 1_000,
    maxDelayMs: 32_000,
    dryRun: false,
    payload: undefined,
    target: undefined,
    sha: undefined,
    ref: undefined,
  });
});

test("action.yml declares the same defaults as the code", () => {
  const declared = Object.entries(metadata.inputs).flatMap(([name, input]) =>
    input.default === undefined ? [] : [[name, input.default]],
  );
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the workflow's syntax, not ours
  expect(Object.fromEntries(declared)).toEqual({ ...INPUT_DEFAULTS, "github-token": "${{ github.token }}" });
});

test("action.yml declares exactly the inputs that are read", () => {
  const asked = new Set<string>();
  parseInputs((name) => {
    asked.add(name);
    return (RIGHT as Record<string, string>)[name] ?? "";
  }, {});
  expect(Object.keys(metadata.inputs).sort()).toEqual([...asked].sort());
});

test("action.yml declares exactly the outputs that are written, and describes everything", () => {
  expect(Object.keys(metadata.outputs).sort()).toEqual(Object.keys(outputs(stepReport())).sort());
  for (const { description } of [...Object.values(metadata.inputs), ...Object.values(metadata.outputs)])
    expect(description).toMatch(/\.$/);
  expect(metadata.runs).toEqual({ using: "node24", main: "action/dist/index.js" });
});

test("everything that is wrong is reported at once, with what was expected and what was found", () => {
  const problems = problemsOf({
    endpoints: "nowhere",
    "wait-for": "done",
    "on-superseded": "ignore",
    timeout: "20",
    "request-timeout": "1ms",
    "max-attempts": "many",
    "base-delay": "2s",
    "max-delay": "1s",
    payload: "{no json",
    sha: "main",
    ref: "main",
    "github-route": "always",
    "dry-run": "yes",
  });
  for (const expected of [
    /^endpoints: line 1: expected an http/,
    /^environment: expected .* got nothing/,
    /^secret: expected/,
    /^timeout: expected a number with a unit .* got "20"/,
    /^request-timeout: expected 100 ms to 5 min, got "1ms"/,
    /^max-delay: expected at least base-delay \(2s\), got 1s/,
    /^sha: expected 40 hexadecimal digits, got "main"/,
    /^ref: expected a full ref, .* got "main"/,
    /^wait-for: expected accepted or started or succeeded, got "done"/,
    /^on-superseded: expected pass or fail, got "ignore"/,
    /^max-attempts: expected a whole number from 1 to 100, got "many"/,
    /^payload: expected JSON, got 8 characters that are not/,
    /^github-route: expected auto or never, got "always"/,
    /^dry-run: expected false or true, got "yes"/,
  ])
    expect(problems).toContainEqual(expect.stringMatching(expected));
  expect(problems).toHaveLength(14);
});

const OFFERED = { ACTIONS_ID_TOKEN_REQUEST_URL: "https://oidc.example", ACTIONS_ID_TOKEN_REQUEST_TOKEN: "t" };

test("without a secret and without OIDC both ways are shown as YAML", () => {
  const [problem = ""] = problemsOf({ ...RIGHT, secret: "" });
  const [byOidc, bySecret] = problem.split("By a secret");
  expect(byOidc).toContain("    permissions:\n          id-token: write\n");
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the workflow's syntax, not ours
  expect(bySecret).toContain("        with:\n          secret: ${{ secrets.TWINHOOK_SECRET }}");
});

test("without a secret the job proves itself by OIDC, for the given audience", () => {
  const inputs = { ...RIGHT, secret: "" };
  expect(read(inputs, OFFERED).credential).toEqual({ kind: "oidc", audience: "twinhook" });
  expect(read({ ...inputs, audience: "deploys" }, OFFERED).credential).toEqual({
    kind: "oidc",
    audience: "deploys",
  });
  expect(read(RIGHT, OFFERED).credential).toEqual({ kind: "secret", secret: TEST_SECRET });
});

test("a token is not sent over http, except on loopback", () => {
  const urls = "http://deploy.example.com\nhttp://127.0.0.1:9000\nhttp://localhost:1\nhttps://a.example.com";
  const inputs = { ...RIGHT, secret: "", endpoints: urls };
  expect(problemsOf(inputs, OFFERED)).toEqual([
    expect.stringMatching(/^endpoints: expected https:\/\/ for the primary, got http/),
  ]);
  expect(problemsOf({ ...inputs, secret: TEST_SECRET }, OFFERED)).toEqual([]);
});

test("GitHub is a route when there is a token for it and nobody forbids it", () => {
  expect(read(RIGHT)).toMatchObject({
    githubToken: undefined,
    withoutGitHub: "the input `github-token` is empty",
  });
  expect(read({ ...RIGHT, "github-token": "ghs_1" })).toMatchObject({
    githubToken: "ghs_1",
    withoutGitHub: null,
  });
  expect(read({ ...RIGHT, "github-token": "ghs_1", "github-route": "never" })).toMatchObject({
    githubToken: undefined,
    withoutGitHub: "`github-route` is `never`",
  });
});

test("a malformed secret is never repeated", () => {
  const problems = problemsOf({ ...RIGHT, secret: "my-plain-password" });
  expect(problems.join("\n")).toMatch(/^secret: expected whsec_/);
  expect(problems.join("\n")).not.toContain("my-plain-password");
});

test.each(["0", "101", "-1", "1.5", "0x5", "NaN", "1e2"])("%s rounds are refused", (value) => {
  expect(problemsOf({ ...RIGHT, "max-attempts": value })).toHaveLength(1);
});

test("a payload is any JSON, null is one, and its text is kept", () => {
  expect(read({ ...RIGHT, payload: "null" }).payload).toBe("null");
  const exact = '{"id": 9007199254740993, "huge": 1e400}';
  expect(read({ ...RIGHT, payload: ` ${exact}\n` }).payload).toBe(exact);
});
