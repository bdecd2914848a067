import type { WorkflowRunEvent } from "@octokit/webhooks-types";
import { exampleEventText } from "./example-events.ts";
import { isoSeconds, nodeId, stableId, stableSha } from "./stable-values.ts";

/** The first run id; GitHub's ids grow, with gaps. */
export const FIRST_RUN_ID = 30_433_642;

/** The default workflow file of a run. */
export const DEFAULT_WORKFLOW = ".github/workflows/ci.yml";

/** The options of a `workflow_run` event; everything has a default. */
export interface WorkflowRunOptions {
  /** `owner/name`; default `acme/site`. */
  repository?: string;
  repositoryId?: number;
  defaultBranch?: string;
  installationId?: number;
  runId?: number;
  /** Counts from 1; a re-run has the same run id and a higher attempt. */
  attempt?: number;
  runNumber?: number;
  branch?: string;
  sha?: string;
  commitMessage?: string;
  /** The workflow file; default `.github/workflows/ci.yml`. */
  path?: string;
  /** The workflow's name, which anyone may choose; default: from the file's name. */
  name?: string;
  /** The event that started the run; default `push`, or `pull_request` for a fork. */
  event?: string;
  /** Only of a completed run; default `success`. */
  conclusion?: string;
  action?: "completed" | "requested" | "in_progress";
  /** The run's commit lies in a fork: true for `stranger/<name>`, or the fork's full name. */
  fork?: boolean | string;
  /** The login of the person who started the run. */
  actor?: string;
  /** When the run was created (the first attempt), when this attempt started, and when it last changed. */
  createdAt?: number | Date;
  startedAt?: number | Date;
  updatedAt?: number | Date;
}

let template: string | undefined;

/**
 * A whole `workflow_run` event, made from GitHub's own example (about 19 kB). Repository, ids, names, URLs
 * and times are replaced consistently, and the installation of App deliveries is added. It needs no server.
 */
export function workflowRunPayload(options: WorkflowRunOptions = {}): WorkflowRunEvent {
  const { repository = "acme/site", attempt = 1, action = "completed", defaultBranch = "main" } = options;
  const { runId = FIRST_RUN_ID, actor = "octocat", path = DEFAULT_WORKFLOW } = options;
  const [owner = "", name = ""] = repository.split("/");
  const repositoryId = options.repositoryId ?? stableId(repository);
  const workflowId = stableId(`${repository}:${path}`);
  const startedAt = options.startedAt ?? Date.now();
  const branch = options.branch ?? defaultBranch;
  const sha = options.sha ?? stableSha(`${repository}@${branch}#${runId}`);

  template ??= exampleEventText(
    "workflow_run",
    ({ action, repository, workflow_run }) =>
      action === "completed" &&
      (repository as { full_name: string }).full_name === "octo-org/octo-repo" &&
      (workflow_run as { conclusion: string }).conclusion === "success",
  );
  const values: Record<string, string> = {
    "octo-org/octo-repo": repository,
    "octo-org": owner,
    "octo-repo": name,
    Codertocat: actor,
    "300029405": String(repositoryId),
    "41548062": String(stableId(owner)),
    "15669918": String(stableId(actor)),
    "289782451": String(runId),
    "2823525": String(workflowId),
    "1291536064": String(runId + 1_000_000_000),
  };
  // One pass, so that an inserted value is never replaced in turn.
  const text = template.replace(new RegExp(Object.keys(values).join("|"), "g"), (key) => values[key] ?? key);
  const payload = JSON.parse(text);

  const event = options.event ?? (options.fork ? "pull_request" : "push");
  const workflowName = options.name ?? path.replace(/^.*\//, "").replace(/\.ya?ml$/, "");
  const run = payload.workflow_run;
  const runApi = `https://api.github.com/repos/${repository}/actions/runs/${runId}`;
  const headRepository = options.fork
    ? forkOf(run.head_repository, repository, options.fork === true ? `stranger/${name}` : options.fork)
    : { ...run.head_repository, node_id: nodeId("Repository", repositoryId) };
  payload.action = action;
  Object.assign(payload.repository, {
    node_id: nodeId("Repository", repositoryId),
    default_branch: defaultBranch,
  });
  Object.assign(payload.workflow, {
    name: workflowName,
    path,
    node_id: nodeId("Workflow", workflowId),
    html_url: `https://github.com/${repository}/blob/${defaultBranch}/${path}`,
  });
  Object.assign(run, {
    name: workflowName,
    node_id: nodeId("WorkflowRun", runId),
    check_suite_node_id: nodeId("CheckSuite", runId + 1_000_000_000),
    head_branch: branch,
    head_sha: sha,
    path,
    display_title: `Change ${sha.slice(0, 7)}`,
    event,
    run_number: options.runNumber ?? 163,
    run_attempt: attempt,
    status: action === "completed" ? "completed" : action === "requested" ? "queued" : "in_progress",
    conclusion: action === "completed" ? (options.conclusion ?? "success") : null,
    created_at: isoSeconds(options.createdAt ?? startedAt),
    run_started_at: isoSeconds(startedAt),
    updated_at: isoSeconds(options.updatedAt ?? startedAt),
    previous_attempt_url: attempt > 1 ? `${runApi}/attempts/${attempt - 1}` : null,
    pull_requests: [],
    head_commit: {
      ...run.head_commit,
      id: sha,
      tree_id: stableSha(`tree of ${sha}`),
      message: options.commitMessage ?? `Change ${sha.slice(0, 7)}`,
      timestamp: isoSeconds(options.createdAt ?? startedAt),
    },
    head_repository: headRepository,
  });
  payload.installation = installationReference(
    options.installationId ?? stableId(`installation of ${owner}`),
  );
  return payload as WorkflowRunEvent;
}

/** The installation in an event that an App receives. */
export function installationReference(id: number) {
  return { id, node_id: nodeId("IntegrationInstallation", id) };
}

function forkOf(repository: object, fullName: string, forkName: string) {
  const [owner = "", name = ""] = forkName.split("/");
  const [originalOwner = ""] = fullName.split("/");
  const text = JSON.stringify(repository)
    .replaceAll(fullName, forkName)
    .replaceAll(`/users/${originalOwner}`, `/users/${owner}`);
  const fork = JSON.parse(text);
  const id = stableId(forkName);
  Object.assign(fork, { id, node_id: nodeId("Repository", id), name, fork: true });
  Object.assign(fork.owner, {
    login: owner,
    id: stableId(owner),
    node_id: nodeId("User", stableId(owner)),
    html_url: `https://github.com/${owner}`,
    type: "User",
  });
  return fork;
}
