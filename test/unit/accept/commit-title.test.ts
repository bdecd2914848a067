import { describe, expect, it } from "vitest";
import { judgeWorkflowRun, parseWorkflowRun } from "../../../app/accept/workflow-run.ts";
import { workflowRunPayload } from "../../simulator/workflow-run-payload.ts";

function titleOf(headCommit: unknown): string | null {
  const payload = workflowRunPayload();
  const run = { ...payload.workflow_run, head_commit: headCommit };
  return judgeWorkflowRun(parseWorkflowRun({ ...payload, workflow_run: run }), []).facts.commitTitle;
}

describe("what a commit is about", () => {
  it.each([
    ["Fix the footer", "Fix the footer"],
    ["Fix the footer\n\nIt was too low.\n", "Fix the footer"],
    ["\n  Fix the footer  \r\nIt was too low.", "Fix the footer"],
    ["a\0b", "a\uFFFDb"],
  ])("is the first line of %j", (message, title) => {
    expect(titleOf({ message })).toBe(title);
  });

  it("is cut after 200 characters, but never within one", () => {
    expect(titleOf({ message: "🚀".repeat(201) })).toBe(`${"🚀".repeat(200)}…`);
    expect(titleOf({ message: "🚀".repeat(200) })).toBe("🚀".repeat(200));
  });

  it.each([[null], [undefined], [{}], [{ message: 5 }], [{ message: " \n" }], ["text"]])(
    "is not known of %j, and the event counts all the same",
    (headCommit) => {
      expect(titleOf(headCommit)).toBeNull();
    },
  );
});
