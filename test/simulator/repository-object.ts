import { accountObject } from "./account-object.ts";
import { workflowRunPayload } from "./workflow-run-payload.ts";
import type { RepositoryRecord } from "./world.ts";

/** A repository in `GET /repos/{owner}/{repo}` and in events. */
export function repositoryObject(record: RepositoryRecord) {
  const { repository } = workflowRunPayload({
    repository: record.full_name,
    repositoryId: record.id,
    defaultBranch: record.default_branch,
    startedAt: 0,
  });
  return {
    ...repository,
    id: record.id,
    private: record.private,
    visibility: record.private ? "private" : "public",
    has_discussions: false,
    created_at: record.created_at,
    updated_at: record.created_at,
    pushed_at: record.created_at,
  };
}

/** The same plus the fields of `GET /repos/{owner}/{repo}` alone. */
export function fullRepositoryObject(record: RepositoryRecord) {
  return {
    ...repositoryObject(record),
    subscribers_count: 1,
    network_count: 0,
    organization: accountObject(record.owner, "Organization"),
  };
}
