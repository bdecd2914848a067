import { expect, test } from "vitest";
import { annotations } from "../../../action/report/annotations.ts";
import { codeBlock, escapeInline, listItem } from "../../../action/report/markdown.ts";
import { outputs } from "../../../action/report/outputs.ts";
import { buildSummary, MAX_SUMMARY_BYTES } from "../../../action/report/summary.ts";
import { isSuccess, type Verdict } from "../../../action/report/verdict.ts";
import { verdictSentence } from "../../../action/report/verdict-sentence.ts";
import {
  endpointsNamed,
  journalOf,
  knownDeployment,
  refusal,
  stepReport,
} from "../../helpers/action/step-report.ts";

const EVIL =
  "</code></pre><script>alert(1)</script> [x](javascript:1) ![i](http://e) `c` *b* |d| @acme $m$ <!--";
const [primary, backup] = endpointsNamed(2) as [
  ReturnType<typeof endpointsNamed>[0],
  ReturnType<typeof endpointsNamed>[0],
];
const EVERY_VERDICT: Verdict[] = [
  { kind: "confirmed", deployment: knownDeployment() },
  { kind: "superseded", deployment: knownDeployment({ status: "superseded", superseded_by: "dep_2" }) },
  { kind: "cancelled", deployment: knownDeployment({ status: "cancelled" }) },
  { kind: "failed", deployment: knownDeployment({ status: "failed", exit_code: 3 }) },
  { kind: "dry run", ready: [primary, backup], failing: [] },
  { kind: "dry run", ready: [primary], failing: [backup] },
  { kind: "unconfirmed", because: "unreadable" },
  { kind: "unconfirmed", because: "time up" },
  { kind: "exhausted", because: "rounds" },
  { kind: "exhausted", because: "refused" },
  { kind: "exhausted", because: "too long to wait" },
  { kind: "exhausted", because: "time up" },
  { kind: "exhausted", because: "refused at GitHub" },
  { kind: "exhausted", because: "rounds", alsoGitHub: true },
  { kind: "stopped", signal: "SIGINT" },
  { kind: "misconfigured", problems: ["environment: expected a name, got nothing"] },
  { kind: "broken", message: "TypeError: oops" },
];

test("every verdict has a sentence, a summary and outputs without a hole in them", async () => {
  for (const verdict of EVERY_VERDICT)
    for (const journal of [
      await journalOf([]),
      await journalOf([
        [primary, refusal()],
        [backup, { kind: "deployment", status: 202, deployment: knownDeployment() }],
      ]),
    ]) {
      const report = stepReport({ verdict, journal, success: isSuccess(verdict, "pass") });
      const told = [
        verdictSentence(report),
        buildSummary(report),
        JSON.stringify(outputs(report)),
        JSON.stringify(annotations(report)),
      ];
      for (const text of told) expect(text).not.toMatch(/undefined|\[object|NaN/);
      expect(buildSummary(report)).toMatch(/\*\*Delivered:\*\*[\s\S]*\*\*Confirmed:\*\*/);
    }
});

test("only a confirmation, a dry run and a permitted supersession are a success", () => {
  const green = (onSuperseded: "pass" | "fail") =>
    EVERY_VERDICT.filter((verdict) => isSuccess(verdict, onSuperseded)).map(({ kind }) => kind);
  expect(green("pass")).toEqual(["confirmed", "superseded", "dry run"]);
  expect(green("fail")).toEqual(["confirmed", "dry run"]);
});

test("a deployment to all hosts is shown host by host", async () => {
  const deployment = knownDeployment({
    status: "failed",
    hosts: [
      { host: "web-1", status: "succeeded", exit_code: 0 },
      { host: "web-2", status: "failed", exit_code: 3 },
      { host: "web-3", status: "pending", exit_code: null },
    ],
  });
  const journal = await journalOf([[primary, { kind: "deployment", status: 202, deployment }]]);
  const summary = buildSummary(stepReport({ verdict: { kind: "superseded", deployment }, journal }));
  expect(summary).toContain("web-1: succeeded, web-2: failed (exit code 3), web-3: pending");
});

test("nothing foreign can become markup", async () => {
  const deployment = knownDeployment({
    status: "failed",
    reason: EVIL,
    log_tail: EVIL,
    run_by: EVIL,
    hosts: [{ host: EVIL, status: "running", exit_code: null }],
    superseded_by: EVIL,
    target: EVIL,
  });
  const journal = await journalOf([
    [primary, refusal({ detail: EVIL })],
    [backup, { kind: "deployment", status: 202, deployment }],
  ]);
  const summary = buildSummary(stepReport({ verdict: { kind: "superseded", deployment }, journal }));
  for (const markup of ["<script", "](java", "![i]", "`c`", "*b*", "|d|", "@acme", "$m$", "<!--"])
    expect(summary).not.toContain(markup);
  expect(summary).toContain("&#60;script&#62;");
});

test("what to do keeps its YAML as a block of code", () => {
  expect(listItem("Add these lines:\n\n    a:\n      b: <c>\n\nThen go on.")).toBe(
    "- Add these lines:\n\n  <pre><code>a:&#10;  b: &#60;c&#62;</code></pre>\n\n  Then go on.",
  );
});

test("escaped text says what it said", () => {
  expect(escapeInline("a_b <c> 'd'")).toBe("a&#95;b &#60;c&#62; &#39;d&#39;");
  expect(codeBlock("a\n\n<b>")).toBe("<pre><code>a&#10;&#10;&#60;b&#62;</code></pre>");
});

test("a summary stays far below what GitHub drops, whatever the endpoints send", async () => {
  const [endpoint] = endpointsNamed(1);
  if (!endpoint) throw new Error("no endpoint");
  const replies = Array.from(
    { length: 500 },
    () => [endpoint, refusal({ detail: "<".repeat(100_000) })] as const,
  );
  const journal = await journalOf(replies.map(([at, reply]) => [at, reply]));
  const report = stepReport({ verdict: { kind: "exhausted", because: "rounds" }, success: false, journal });
  const summary = buildSummary(report);
  expect(Buffer.byteLength(summary)).toBeLessThanOrEqual(MAX_SUMMARY_BYTES + 200);
  expect(summary).toMatch(/The rest was cut|450 more requests/);
  expect(outputs(report).report?.length).toBeLessThan(200_000);
});

test("a backup that delivered is a notice, a lost route a warning, and there is no error", async () => {
  const journal = await journalOf([
    [primary, refusal()],
    [backup, { kind: "deployment", status: 202, deployment: knownDeployment() }],
  ]);
  expect(
    annotations(stepReport({ journal })).map(({ level, message }) => [level, message.slice(0, 26)]),
  ).toEqual([
    ["notice", "The backup (https://1.exam"],
    ["warning", "Lost route primary (https:"],
  ]);
});

test("an exhausted step is one error, and at most ten warnings", async () => {
  const journal = await journalOf(endpointsNamed(15).map((endpoint) => [endpoint, refusal()]));
  const report = stepReport({ verdict: { kind: "exhausted", because: "rounds" }, success: false, journal });
  const levels = annotations(report).map(({ level }) => level);
  expect(levels.filter((level) => level === "warning")).toHaveLength(10);
  expect(levels.filter((level) => level === "error")).toHaveLength(1);
});

test("an endpoint that failed and then accepted is no lost route", async () => {
  const journal = await journalOf([
    [primary, refusal()],
    [primary, { kind: "deployment", status: 202, deployment: knownDeployment() }],
  ]);
  expect(annotations(stepReport({ journal }))).toEqual([]);
});

test("a deployment that has started and failed already is green with a warning", async () => {
  const verdict: Verdict = { kind: "confirmed", deployment: knownDeployment({ status: "failed" }) };
  expect(annotations(stepReport({ verdict }))).toMatchObject([{ level: "warning" }]);
});

test("the summary shows the verification as a step of its own, with the site's last answer escaped", async () => {
  const verify = {
    url: "https://example.com/version",
    status: "failed" as const,
    answer: `200 without ${EVIL}`,
  };
  const deployment = knownDeployment({ status: "failed", exit_code: 0, verify });
  const journal = await journalOf([[primary, { kind: "deployment", status: 202, deployment }]]);
  const summary = buildSummary(
    stepReport({ verdict: { kind: "failed", deployment }, success: false, journal }),
  );
  expect(summary).toMatch(
    /<td>Verification<\/td><td>failed, <a href="https:\/\/example\.com\/version">.*last answer: 200 without/,
  );
  expect(summary).not.toContain("<script>");
});
