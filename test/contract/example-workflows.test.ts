import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { parse, parseDocument } from "yaml";
import { parseInputs } from "../../action/input/inputs.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

interface Step {
  id?: string;
  uses?: string;
  run?: string;
  if?: string;
  env?: Record<string, string>;
  with?: Record<string, unknown>;
}
interface Job {
  "runs-on": string;
  permissions?: Record<string, string>;
  environment?: string;
  steps: Step[];
}
interface Workflow {
  name: string;
  on: Record<string, unknown>;
  jobs: Record<string, Job>;
}
const action = parse(read("action.yml")) as {
  inputs: Record<string, { default?: string }>;
  outputs: Record<string, unknown>;
};

const OFFERED = { ACTIONS_ID_TOKEN_REQUEST_URL: "https://x", ACTIONS_ID_TOKEN_REQUEST_TOKEN: "x" };
const isOurs = ({ uses }: Step) => uses?.startsWith("OWNER/twinhook@") === true;
const files = readdirSync(join(ROOT, "examples")).filter((file) => file.endsWith(".yml"));

describe.each(files)("the example %s", (file) => {
  const document = parseDocument(read(`examples/${file}`));
  const workflow = document.toJS() as Workflow;
  const ours = Object.values(workflow.jobs).flatMap((job) =>
    job.steps.filter(isOurs).map((step) => ({ job, step })),
  );

  test("is a workflow that uses the Action, and that the README names", () => {
    expect(document.errors).toEqual([]);
    expect(Object.keys(workflow)).toEqual(expect.arrayContaining(["name", "on", "jobs"]));
    expect(ours.length).toBeGreaterThan(0);
    expect(read("action/README.md")).toContain(`(../examples/${file})`);
  });

  test("gives inputs that the Action takes as they are, and no unknown ones", () => {
    for (const { step } of ours) {
      const given = step.with ?? {};
      expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(given)));
      const inputs = parseInputs(
        (name) => String(given[name] ?? action.inputs[name]?.default ?? ""),
        OFFERED,
      );
      expect(inputs.endpoints.length).toBeGreaterThan(1);
    }
  });

  test("has the permissions that it needs, and names an environment of its job", () => {
    for (const { job, step } of ours) {
      if (step.with?.secret === undefined) expect(job.permissions).toMatchObject({ "id-token": "write" });
      expect(job.permissions).toMatchObject({ deployments: "write" });
      if (job.environment !== undefined) expect(step.with?.environment).toBe(job.environment);
    }
  });

  test("asks only for outputs that there are", () => {
    const named = [...read(`examples/${file}`).matchAll(/steps\.deploy\.outputs\.([\w-]+)/g)];
    for (const [, name = ""] of named) expect(Object.keys(action.outputs)).toContain(name);
  });
});

test("there is one for each way to deploy", () => {
  const text = files.map((file) => read(`examples/${file}`));
  const has = (pattern: RegExp) => text.some((one) => pattern.test(one));
  for (const pattern of [
    /^ {2}push:/m,
    /^ {2}workflow_run:/m,
    /environment: staging[\s\S]*production/,
    /GHE_HOST/,
  ])
    expect(has(pattern), String(pattern)).toBe(true);
});
