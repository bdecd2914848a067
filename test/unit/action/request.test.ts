import { expect, test } from "vitest";
import { buildRequest, workflowPath } from "../../../action/ask/request.ts";
import { InputError } from "../../../action/input/input-error.ts";
import { RUNNER_ENV } from "../../helpers/action/run-action.ts";

const INPUTS = {
  environment: "production",
  target: undefined,
  payload: undefined,
  sha: undefined,
  ref: undefined,
  dryRun: false,
};
const noEvent = () => {
  throw new Error("the event must not be read");
};

test("the identity of a push is that of the run", () => {
  expect(buildRequest(INPUTS, RUNNER_ENV, noEvent)).toEqual({
    repository: "acme/site",
    environment: "production",
    run_id: 30433642,
    run_attempt: 1,
    via: { run_id: 30433642, run_attempt: 1 },
    sha: "1".repeat(40),
    ref: "refs/heads/main",
    workflow: ".github/workflows/deploy.yml",
    actor: "octocat",
  });
});

test("the number of the run goes along, with its workflow where that is another one", () => {
  const own = buildRequest(INPUTS, { ...RUNNER_ENV, GITHUB_RUN_NUMBER: "41" }, noEvent);
  expect([own.run_number, own.run_workflow]).toEqual([41, undefined]);
  const run = { id: 7, run_attempt: 1, head_sha: "a".repeat(40), head_branch: "main" };
  const numbered = (more: object) =>
    buildRequest(
      INPUTS,
      { ...RUNNER_ENV, GITHUB_EVENT_NAME: "workflow_run", GITHUB_RUN_NUMBER: "41" },
      () => ({ workflow_run: { ...run, ...more } }),
    );
  expect(numbered({ run_number: 163, path: ".github/workflows/ci.yml@refs/heads/main" })).toMatchObject({
    run_number: 163,
    run_workflow: ".github/workflows/ci.yml",
  });
  expect(numbered({ run_number: 163 }).run_number).toBeUndefined();
});

test("under workflow_run the run that started the workflow is deployed, and via is our own", () => {
  const event = {
    workflow_run: { id: 7, run_attempt: 3, head_sha: "ABCDEF0123".repeat(4), head_branch: "release/1" },
  };
  const env = { ...RUNNER_ENV, GITHUB_EVENT_NAME: "workflow_run", GITHUB_RUN_ATTEMPT: "2" };
  expect(buildRequest(INPUTS, env, () => event)).toMatchObject({
    run_id: 7,
    run_attempt: 3,
    via: { run_id: 30433642, run_attempt: 2 },
    sha: "abcdef0123".repeat(4),
    ref: "refs/heads/release/1",
    workflow: ".github/workflows/deploy.yml",
  });
});

test.each([
  ["no payload", null],
  ["a payload of something else", { push: {} }],
  [
    "a run without a branch",
    { workflow_run: { id: 7, run_attempt: 1, head_sha: "a".repeat(40), head_branch: null } },
  ],
  [
    "an id beyond what numbers hold",
    { workflow_run: { id: 2 ** 60, run_attempt: 1, head_sha: "a".repeat(40), head_branch: "main" } },
  ],
])("under workflow_run %s is refused", (_, event) => {
  const env = { ...RUNNER_ENV, GITHUB_EVENT_NAME: "workflow_run" };
  expect(() => buildRequest(INPUTS, env, () => event)).toThrow(
    /GITHUB_EVENT_PATH: expected the workflow_run/,
  );
});

test("target, payload, sha, ref and dry run are taken from the inputs", () => {
  const inputs = {
    environment: "e",
    target: "t",
    payload: '{"a": 1}',
    sha: "2".repeat(40),
    ref: "refs/tags/v1",
    dryRun: true,
  };
  expect(buildRequest(inputs, RUNNER_ENV, noEvent)).toMatchObject({
    target: "t",
    payload_text: '{"a": 1}',
    sha: "2".repeat(40),
    ref: "refs/tags/v1",
    dry_run: true,
  });
});

test("everything that the runner failed to set is named", () => {
  try {
    buildRequest(INPUTS, { GITHUB_RUN_ID: "0", GITHUB_RUN_ATTEMPT: "two" }, noEvent);
    expect.unreachable();
  } catch (error) {
    expect((error as InputError).problems.map((problem) => problem.split(":")[0])).toEqual([
      "GITHUB_REPOSITORY",
      "GITHUB_RUN_ID",
      "GITHUB_RUN_ATTEMPT",
      "GITHUB_WORKFLOW_REF",
      "GITHUB_SHA",
      "GITHUB_REF",
    ]);
  }
});

test("a request above the limit is refused before it is sent", () => {
  const inputs = { ...INPUTS, payload: JSON.stringify("x".repeat(70_000)) };
  expect(() => buildRequest(inputs, RUNNER_ENV, noEvent)).toThrow(InputError);
  expect(() => buildRequest(inputs, RUNNER_ENV, noEvent)).toThrow(/at most 65536 bytes, got 70\d{3}/);
});

test.each([
  ["acme/site/.github/workflows/deploy.yml@refs/heads/main", ".github/workflows/deploy.yml"],
  ["acme/site/.github/workflows/deploy.yml@refs/heads/a@b", ".github/workflows/deploy.yml"],
  ["acme/site/.github/workflows/de@ploy.yml@refs/tags/v1", ".github/workflows/de@ploy.yml"],
  ["nonsense", null],
  ["", null],
])("the workflow's path in %j is %j", (reference, path) => {
  expect(workflowPath(reference)).toBe(path);
});
