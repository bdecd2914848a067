import { describe, expect, test } from "vitest";
import { exampleEventText } from "../example-events.ts";
import { FIRST_RUN_ID, workflowRunPayload } from "../workflow-run-payload.ts";

describe("a workflow_run payload", () => {
  test("has the size and every field of GitHub's own example", () => {
    const example = JSON.parse(exampleEventText("workflow_run", ({ action }) => action === "completed"));
    const payload = workflowRunPayload();
    const missing = fieldsOf(example).filter((field) => !fieldsOf(payload).includes(field));
    expect(missing.filter((field) => !field.startsWith("workflow_run.pull_requests"))).toEqual([]);
    expect(JSON.stringify(payload).length).toBeGreaterThan(17_000);
    expect(JSON.stringify(payload).length).toBeLessThan(20_000);
  });

  test("names one repository throughout, whatever its name", () => {
    const text = JSON.stringify(
      workflowRunPayload({ repository: "octo-org-2/octo-repo-tools", actor: "hubot" }),
    );
    expect(text.match(/repos\/(?!octo-org-2\/octo-repo-tools\b)[^/"]+\/[^/"]+/g)).toBeNull();
    expect(text).not.toMatch(/Codertocat|289782451|300029405|41548062|15669918/);
    const { repository, workflow_run, organization, sender } = JSON.parse(text);
    expect(repository.owner).toMatchObject({ login: "octo-org-2", id: organization.id });
    expect(workflow_run.repository.id).toBe(repository.id);
    expect(workflow_run.head_repository.id).toBe(repository.id);
    expect(sender.login).toBe("hubot");
  });

  test("of a fork may have a branch named main, and tells only by the head repository", () => {
    const { repository, workflow_run } = workflowRunPayload({ fork: true, branch: "main" });
    expect(workflow_run.head_branch).toBe(repository.default_branch);
    expect(workflow_run.conclusion).toBe("success");
    expect(workflow_run.event).toBe("pull_request");
    expect(workflow_run.head_repository).toMatchObject({ full_name: "stranger/site", fork: true });
    expect(workflow_run.head_repository.id).not.toBe(repository.id);
    expect(workflow_run.head_repository.owner.login).toBe("stranger");
    expect(workflow_run.repository.id).toBe(repository.id);
  });

  test.each([
    ["requested", "queued", null],
    ["in_progress", "in_progress", null],
    ["completed", "completed", "failure"],
  ] as const)("with action %s has the status %s and the conclusion %s", (action, status, conclusion) => {
    const { workflow_run, ...rest } = workflowRunPayload({ action, conclusion: "failure", branch: "topic" });
    expect(rest.action).toBe(action);
    expect(workflow_run).toMatchObject({ status, conclusion, head_branch: "topic" });
  });

  test("of a re-run keeps when the run was created, and says when the attempt started", () => {
    const createdAt = Date.UTC(2026, 0, 5, 8);
    const { workflow_run } = workflowRunPayload({ attempt: 3, createdAt, startedAt: createdAt + 3_600_000 });
    expect(workflow_run).toMatchObject({
      id: FIRST_RUN_ID,
      run_attempt: 3,
      created_at: "2026-01-05T08:00:00Z",
      run_started_at: "2026-01-05T09:00:00Z",
      previous_attempt_url: `https://api.github.com/repos/acme/site/actions/runs/${FIRST_RUN_ID}/attempts/2`,
    });
  });

  test("is the same in every process for the same choices", () => {
    expect(workflowRunPayload({ startedAt: 0 })).toEqual(workflowRunPayload({ startedAt: 0 }));
    expect(workflowRunPayload({ runId: 5 }).workflow_run.head_sha).not.toBe(
      workflowRunPayload({ runId: 6 }).workflow_run.head_sha,
    );
  });
});

function fieldsOf(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([key, item]) => [
    ...(path ? [path] : []),
    ...fieldsOf(item, path ? `${path}.${key}` : key),
  ]);
}
