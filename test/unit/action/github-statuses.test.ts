import { expect, test } from "vitest";
import { readStatuses } from "../../../action/ask/github-statuses.ts";
import { DEPLOYMENT_STATUSES, type DeploymentStatus } from "../../../shared/deployment.ts";
import {
  type WrittenStatus,
  writeElsewhere,
  writeRefusal,
  writeStatus,
} from "../../../shared/github-status.ts";

const since = Date.parse("2026-11-01T12:00:00Z");
const BEFORE = "2026-11-01T11:59:59Z";
const AFTER = "2026-11-01T12:00:00Z";

const told = (written: WrittenStatus, created_at: string) =>
  readStatuses([{ ...written, created_at }], { since });

test.each(DEPLOYMENT_STATUSES.map((status) => [status]))(
  "a status %s counts when it is from this attempt",
  (status) => {
    expect(told(writeStatus(status, null), AFTER)).toMatchObject({ kind: "status", status });
  },
);

test.each<[DeploymentStatus, "status" | "none"]>([
  ["queued", "none"],
  ["running", "none"],
  ["succeeded", "status"],
  ["failed", "none"],
  ["cancelled", "none"],
  ["superseded", "status"],
])("a status %s from an earlier attempt is read as %s", (status, kind) => {
  expect(told(writeStatus(status, null), BEFORE).kind).toBe(kind);
});

test("a refusal counts when it is from this attempt, and not from an earlier one", () => {
  expect(told(writeRefusal("no target"), AFTER)).toEqual({ kind: "refused", reason: "no target" });
  expect(told(writeRefusal("no target"), BEFORE)).toEqual({ kind: "none" });
});

test("where the deployment is shown holds for every attempt", () => {
  for (const at of [BEFORE, AFTER])
    expect(told(writeElsewhere("7", "dep_1"), at)).toEqual({ kind: "elsewhere", githubId: "7" });
});
