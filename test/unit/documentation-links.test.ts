import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { judgeWorkflowRun, parseWorkflowRun } from "../../app/accept/workflow-run.ts";
import { asProblem } from "../../app/http/as-problem.ts";
import { HttpProblem } from "../../app/http/problem.ts";
import { HELP } from "../../app/pages/deliveries/delivery-page.ts";
import { DOCS, page } from "../../app/pages/layout.ts";
import { problemPage } from "../../app/pages/problem-page.ts";
import { docsUrl, VERSION } from "../../app/version.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(resolve(ROOT, file), "utf8");

/** Whether the project has the page and the heading. */
function exists(link: string): boolean {
  const [file = "", anchor] = link.split("#");
  const headings = [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-"),
  );
  return anchor === undefined || headings.includes(anchor);
}

test("links lead to the pages of this release", () => {
  expect(docsUrl("docs/start.md")).toMatch(
    new RegExp(`^https://github\\.com/[^/]+/twinhook/blob/v${VERSION}/docs/start\\.md$`),
  );
});

describe("the type of a problem document", () => {
  const sources = globSync("app/**/*.ts", { cwd: ROOT }).map(read).join("\n");
  const statuses = new Set([
    ...[...sources.matchAll(/new HttpProblem\(\s*(\d{3})/g)].map(([, status]) => Number(status)),
    ...[...read("app/http/as-problem.ts").matchAll(/: (\d{3}),/g)].map(([, status]) => Number(status)),
  ]);

  test.each([...statuses].toSorted())("of status %i is a heading of the troubleshooting", (status) => {
    const { type } = new HttpProblem(status, "…");
    const [, link = ""] = type.split(docsUrl(""));
    expect(link).toMatch(/^docs\/troubleshooting\.md#./);
    expect(exists(link), link).toBe(true);
  });

  test("is a link for an error that nobody expected, too", () => {
    expect(asProblem(new Error("x")).type).toBe(docsUrl("docs/troubleshooting.md#answer-500"));
  });

  test("is a link on the page that people get in its place", async () => {
    const problem = new HttpProblem(403, "no");
    expect(String(await problemPage(problem))).toContain(`href="${problem.type}"`);
  });
});

test.each(Object.entries(HELP))("what is %s links to a heading of the documentation", (_, link) => {
  expect(exists(link), link).toBe(true);
});

test.each(Object.entries(DOCS))("the page %s links to its documentation", async (place, link) => {
  expect(exists(link), link).toBe(true);
  const markup = page({ title: "", viewer: null, csrfToken: null, body: "" as never, place: place as never });
  expect(String(await markup)).toContain(`href="${docsUrl(link)}"`);
});

describe("the troubleshooting explains why a run deploys nothing", () => {
  const quotes = [...read("docs/troubleshooting.md").matchAll(/^> (.+)$/gm)].map(([, quote = ""]) => {
    const parts = quote.split("…").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return new RegExp(`^${parts.join(".*")}`, "s");
  });
  const target = {
    repository: "acme/site",
    workflow: ".github/workflows/ci.yml",
    refs: ["refs/heads/main"],
    events: ["push"],
  };
  const run = {
    ...{ id: 1, run_attempt: 1, run_number: 1, head_sha: "a".repeat(40), head_branch: "main", event: "push" },
    ...{ path: ".github/workflows/ci.yml", conclusion: "success", status: "completed" },
    head_repository: { id: 7, full_name: "acme/site" },
  };
  const reasonFor = (change: object, action = "completed", targets = [target]) =>
    judgeWorkflowRun(
      parseWorkflowRun({
        action,
        workflow_run: { ...run, ...change },
        repository: { id: 7, full_name: "acme/site" },
      }),
      targets as never,
    ).ignored ?? "";

  test.each([
    ["is not completed", reasonFor({}, "requested")],
    ["failed", reasonFor({ conclusion: "failure" })],
    ["is a fork's", reasonFor({ head_repository: { id: 8, full_name: "fork/site" } })],
    ["is of an unknown repository", reasonFor({}, "completed", [])],
    ["is of another workflow", reasonFor({ path: ".github/workflows/other.yml" })],
    ["is of another branch", reasonFor({ head_branch: "dev" })],
    ["was started by something else", reasonFor({ event: "schedule" })],
  ])("if it %s", (_, reason) => {
    expect(reason).not.toBe("");
    expect(
      quotes.filter((quote) => quote.test(reason)),
      reason,
    ).toHaveLength(1);
  });
});

test("the changelog has an entry for the release of this manifest, below what is to come", () => {
  const [next, ...releases] = [...read("CHANGELOG.md").matchAll(/^## \[(.+?)\]/gm)].map(([, name]) => name);
  expect([next, releases[0]]).toEqual(["Unreleased", VERSION]);
});
