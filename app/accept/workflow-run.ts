import { z } from "zod";
import { withoutRef } from "../../shared/workflow-path.ts";
import { branchRef, isBranch, matchesRef, refsOfName } from "../config/refs.ts";
import type { TargetConfig } from "../config/schema.ts";
import { repositoryKey } from "../store/repository-key.ts";
import { storableText } from "../store/storable-text.ts";
import type { Arrival, RunFacts } from "./arrival.ts";
import { NO_NAMES, type RepositoryNames } from "./repository-names.ts";

const text = z.string().transform(storableText);
const id = z.int().positive();

/**
 * The fields of a `workflow_run` event that Twinhook reads. Fields that only some servers send may be missing
 * or null. A wrong value in a field that is only for display does not refuse the event.
 * @see https://docs.github.com/en/webhooks/webhook-events-and-payloads#workflow_run
 */
const workflowRunEvent = z.object({
  action: text,
  workflow_run: z.object({
    id,
    run_attempt: id.nullish().transform((value) => value ?? 1),
    run_number: id.nullish().catch(null),
    path: text.nullish(),
    event: text,
    head_branch: text.nullish(),
    head_commit: z.object({ message: text }).nullish().catch(null),
    head_sha: z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/),
    head_repository: z.object({ id }).nullish(),
    conclusion: text.nullish(),
    run_started_at: z.string().nullish().catch(null),
    actor: z.object({ login: text }).nullish().catch(null),
  }),
  repository: z.object({ id, full_name: text }),
});

export type WorkflowRunEvent = z.output<typeof workflowRunEvent>;

/**
 * Parses the payload of a `workflow_run` event.
 * @throws {z.ZodError} when it has another shape.
 */
export function parseWorkflowRun(payload: unknown): WorkflowRunEvent {
  return workflowRunEvent.parse(payload);
}

/** How the reason begins to ignore an event of a run that ended without success. */
export const NO_SUCCESS = "the run did not succeed";

/** An event of a run, with the targets that it deploys to, or the reason why there are none. */
export interface JudgedRun extends Pick<Arrival, "ignored" | "repository" | "action"> {
  facts: RunFacts;
  targets: TargetConfig[];
  /** True where a target names the workflow, and the run has ended or can deploy to no target. */
  settles: boolean;
}

/**
 * Chooses the targets that a `workflow_run` event deploys to, or says why there are none.
 * Only a completed, successful run of an allowed workflow file in the repository itself counts. A fork's
 * branch may be called `main` as well, and anyone may choose a workflow's name.
 */
export function judgeWorkflowRun(
  event: WorkflowRunEvent,
  configured: readonly TargetConfig[],
  names: RepositoryNames = NO_NAMES,
): JudgedRun {
  const { workflow_run: run, repository } = event;
  const refs = refsOf(run);
  const facts = {
    repository: repository.full_name,
    runId: run.id,
    runAttempt: run.run_attempt,
    runStartedAt: time(run.run_started_at),
    sha: run.head_sha,
    ref: refs[0],
    refUnproven: refs.length > 1,
    workflow: run.path ?? null,
    actor: run.actor?.login ?? null,
    commitTitle: run.head_commit ? titleOf(run.head_commit.message) : null,
    numbered: run.run_number ? { workflow: pathOf(run.path), number: run.run_number } : null,
  } satisfies RunFacts;
  const known = names.of(repository);
  if ("foreign" in known) {
    const rest = { repository: repositoryKey(repository.full_name), action: event.action };
    return { facts, targets: [], ignored: known.foreign, settles: false, ...rest };
  }
  const { key } = known;
  const here = configured.filter((t) => repositoryKey(t.repository) === key);
  const { targets, ignored } = choose(event, here);
  facts.ref = refs.find((ref) => targets.some((target) => matchesRef(target.refs, ref))) ?? facts.ref;
  const settles =
    here.some(({ workflow }) => workflow === pathOf(run.path)) &&
    (event.action === "completed" || whyNever(event, here) !== null);
  return { facts, targets, ignored, settles, repository: key, action: event.action };
}

function choose(
  event: WorkflowRunEvent,
  here: TargetConfig[],
): { targets: TargetConfig[]; ignored: string | null } {
  const { action, workflow_run: run } = event;
  const ignore = (ignored: string) => ({ targets: [], ignored });
  if (action !== "completed") return ignore(`the run is not completed (action ${action})`);
  if (run.conclusion !== "success") return ignore(`${NO_SUCCESS} (conclusion ${run.conclusion ?? "none"})`);
  const never = whyNever(event, here);
  if (never !== null) return ignore(never);
  return {
    targets: here.filter((target) => rulesFor(run, here).every(([, allows]) => allows(target))),
    ignored: null,
  };
}

/** Why no target can accept this run, however it ends; null where one may. */
function whyNever({ workflow_run: run, repository }: WorkflowRunEvent, here: TargetConfig[]): string | null {
  if (run.head_repository?.id !== repository.id) return "the run's code is another repository's (a fork)";
  if (here.length === 0) return `no target is configured for ${repository.full_name}`;
  let left = here;
  for (const [reason, allows] of rulesFor(run, here)) {
    left = left.filter(allows);
    if (left.length === 0) return reason;
  }
  return null;
}

/** A target's rules for a run, each with the reason to give when it excludes the last target. */
function rulesFor(
  run: WorkflowRunEvent["workflow_run"],
  here: readonly TargetConfig[],
): [string, (target: TargetConfig) => boolean][] {
  const path = pathOf(run.path);
  const refs = refsOf(run);
  // Where no target deploys tags, the message calls the name a branch.
  const mayBeTag = here.some((target) => !target.refs.every(isBranch));
  const kinds = (mayBeTag ? refs : refs.slice(0, 1)).map((ref) => (isBranch(ref) ? "branch" : "tag"));
  return [
    [`no target names the workflow ${path || "(none)"}`, (t) => t.workflow === path],
    [
      `no target of it allows the ${kinds.join(" or ")} ${run.head_branch ?? "(none)"}`,
      (t) => refs.some((ref) => matchesRef(t.refs, ref)),
    ],
    [`no target of it allows runs started by ${run.event}`, (t) => t.events.includes(run.event)],
  ];
}

/**
 * The possible refs of a run. `head_branch` may name a branch or a tag. Only the suffix of the path tells which,
 * and many events lack it.
 */
function refsOf({ path, head_branch }: WorkflowRunEvent["workflow_run"]): [string, ...string[]] {
  const both = refsOfName(branchRef(head_branch ?? ""));
  const named = both.find((ref) => path?.endsWith(`@${ref}`));
  return named === undefined ? both : [named];
}

function pathOf(path: string | null | undefined): string {
  return withoutRef(path ?? "");
}

/** The most characters of a title that are kept. Titles of commits are seldom longer. */
const TITLE_LENGTH = 200;

function titleOf(message: string): string | null {
  // Do not split a message of megabytes.
  const [line = ""] = message
    .slice(0, 10 * TITLE_LENGTH)
    .trimStart()
    .split(/[\r\n]/, 1);
  const title = Array.from(line.trimEnd());
  if (title.length > TITLE_LENGTH) return `${title.slice(0, TITLE_LENGTH).join("")}…`;
  return title.join("") || null;
}

function time(iso: string | null | undefined): number | null {
  const ms = iso ? Date.parse(iso) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}
