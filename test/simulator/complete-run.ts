import type { WorkflowRunEvent } from "@octokit/webhooks-types";
import { type SentEvent, sendEvent, sentEvent } from "./send-event.ts";
import { stableSha } from "./stable-values.ts";
import {
  DEFAULT_WORKFLOW,
  FIRST_RUN_ID,
  type WorkflowRunOptions,
  workflowRunPayload,
} from "./workflow-run-payload.ts";
import type { RepositoryRecord, RunRecord, World } from "./world.ts";

/** Describes the run; everything but the repository has a default. */
export interface CompleteRunOptions
  extends Omit<WorkflowRunOptions, "repositoryId" | "defaultBranch" | "installationId" | "runNumber"> {
  repository: string;
  /** False: GitHub never sends the event. */
  send?: boolean;
  /** Whether `branch` is the name of a tag. */
  tag?: boolean | "annotated";
  /** The event's GUID; default random. */
  guid?: string;
}

/** A recorded run, and its event on the way; the GUID is empty when no event was sent. */
export interface SentRun extends SentEvent {
  run: WorkflowRunEvent["workflow_run"];
  event: WorkflowRunEvent;
}

/**
 * Records a run and sends its `workflow_run` event. Without `runId` it is a new run. The id of a known run
 * continues its current attempt; if that has completed, it begins the next attempt.
 */
export function completeRun(
  world: World,
  repository: RepositoryRecord,
  options: CompleteRunOptions,
): SentRun {
  const { send = true, guid, action = "completed" } = options;
  const known = repository.runs.find(({ id }) => id === options.runId);
  const run: RunRecord = known ?? { id: options.runId ?? nextRunId(world), attempts: [], history: [] };
  const last = run.attempts.at(-1);
  const lastEnded = last?.event.workflow_run.status === "completed";
  const attempt = options.attempt ?? (last ? last.attempt + (lastEnded ? 1 : 0) : 1);
  const same = run.attempts.find((one) => one.attempt === attempt);
  const first = run.attempts[0]?.event.workflow_run;
  const now = world.clock.now();

  const event = workflowRunPayload({
    // These values stay the same through all steps and attempts of a run.
    ...(first && {
      branch: first.head_branch,
      sha: first.head_sha,
      path: first.path,
      event: first.event,
      createdAt: Date.parse(first.created_at),
      fork: first.head_repository.id !== repository.id && first.head_repository.full_name,
    }),
    ...definedOf(options),
    action,
    attempt,
    runId: run.id,
    runNumber: first?.run_number ?? nextRunNumber(repository, options.path),
    repository: repository.full_name,
    repositoryId: repository.id,
    defaultBranch: repository.default_branch,
    ...(repository.installation_id !== null && { installationId: repository.installation_id }),
    startedAt: options.startedAt ?? (same ? Date.parse(same.event.workflow_run.run_started_at) : now),
    updatedAt: options.updatedAt ?? now,
  });

  if (!known) repository.runs.push(run);
  if (same) same.event = event;
  else run.attempts.push({ attempt, event });
  run.attempts.sort((a, b) => a.attempt - b.attempt);
  const { workflow_run } = event;
  run.history.push({ at: now, run: workflow_run });
  const { head_branch, head_sha } = workflow_run;
  if (!known && workflow_run.head_repository.id === repository.id) {
    if (options.tag) setTag(repository, head_branch, head_sha, options.tag === "annotated");
    else if (workflow_run.event === "push") push(repository, head_branch, head_sha);
  }
  world.changes.emit("workflow_run", workflow_run);

  const sent = send
    ? sendEvent(world, "workflow_run", { ...event }, guid === undefined ? {} : { guid })
    : sentEvent("", []);
  return { ...sent, run: workflow_run, event };
}

function setTag(repository: RepositoryRecord, name: string, sha: string, annotated: boolean): void {
  const object = stableSha(`tag ${name} of ${sha}`);
  if (annotated) repository.tagObjects.set(object, sha);
  repository.tags.set(name, annotated ? object : sha);
}

function push({ branches, pushed }: RepositoryRecord, name: string, sha: string): void {
  branches.set(name, sha);
  pushed.set(name, [...(pushed.get(name) ?? []), sha]);
}

function nextRunId(world: World): number {
  const ids = [...world.repositories.values()].flatMap(({ runs }) => runs.map(({ id }) => id));
  return Math.max(FIRST_RUN_ID - 58, ...ids) + 58;
}

/** GitHub numbers the runs of each workflow file from 1, without gaps; a re-run keeps its number. */
function nextRunNumber({ runs }: RepositoryRecord, path = DEFAULT_WORKFLOW): number {
  const numbers = runs
    .map(({ attempts }) => attempts[0]?.event.workflow_run)
    .map((run) => (run?.path === path ? run.run_number : 0));
  return Math.max(0, ...numbers) + 1;
}

function definedOf<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
