import { expect, test } from "vitest";
import { DEPLOYMENT_STATUSES } from "../../../shared/deployment.ts";
import { readStatus, writeElsewhere, writeRefusal, writeStatus } from "../../../shared/github-status.ts";

test.each(DEPLOYMENT_STATUSES)("what the App writes for %s, the Action reads as that", (status) => {
  expect(readStatus(writeStatus(status, null))).toEqual({ kind: "status", status, detail: null });
  expect(readStatus(writeStatus(status, "exit code 1: no"))).toEqual({
    kind: "status",
    status,
    detail: "exit code 1: no",
  });
});

test("a refusal is none of a deployment's states, and another place is named", () => {
  expect(readStatus(writeRefusal("no target"))).toEqual({ kind: "refused", reason: "no target" });
  expect(readStatus(writeElsewhere("77", "dep_1"))).toEqual({ kind: "elsewhere", githubId: "77" });
});

test.each([
  { state: "inactive", description: "" },
  { state: "inactive", description: null },
  { state: "success", description: "All good" },
  { state: "error" },
  { state: "pending", description: "Deploying" },
])("a status that the App did not write (%j) says nothing", (status) => {
  expect(readStatus(status)).toBeNull();
});

// https://github.com/ouzi-dev/commit-status-updater/issues/526
test("no description has a character of 4 bytes, or half of one", () => {
  expect(writeStatus("failed", "🐛 of größe ✓").description).toBe("Failed: \uFFFD of größe ✓");
  expect(writeRefusal("\uD83D no").description).toBe("Twinhook refuses: \uFFFD no");
});

test("no description is longer than GitHub takes", () => {
  const long = "x".repeat(500);
  for (const { description } of [
    writeStatus("failed", long),
    writeRefusal(long),
    writeElsewhere("1", `dep_${long}`),
  ])
    expect(description.length).toBeLessThanOrEqual(140);
});
