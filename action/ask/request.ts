import {
  type DeploymentRequest,
  MAX_REQUEST_BYTES,
  type RunReference,
  requestBody,
} from "../../shared/deployment-request.ts";
import { withoutRef } from "../../shared/workflow-path.ts";
import { InputError } from "../input/input-error.ts";
import type { Inputs } from "../input/inputs.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** This step's request: the deployment's key and all other fields. */
export type ActionRequest = DeploymentRequest & { via: RunReference };

/**
 * Builds the request from the variables that every runner sets.
 * In a workflow that `workflow_run` started, it asks for the run that started it. So GitHub's own event for
 * that run and this request meet in one deployment. `via` is always the run of this step.
 * @param readEvent reads the event's payload (the JSON of `GITHUB_EVENT_PATH`), only when needed.
 * @throws {InputError} when the runner's environment is incomplete or the request is too large.
 */
export function buildRequest(
  inputs: Pick<Inputs, "environment" | "target" | "payload" | "sha" | "ref" | "dryRun">,
  env: Environment,
  readEvent: () => unknown,
): ActionRequest {
  const problems: string[] = [];
  const need = (name: string, pattern: RegExp, expected: string): string => {
    const value = env[name] ?? "";
    if (!pattern.test(value))
      problems.push(`${name}: expected ${expected} from the runner, got ${quote(value)}`);
    return value;
  };
  const needNumber = (name: string): number => Number(need(name, /^[1-9]\d{0,15}$/, "a number above 0"));

  const repository = need("GITHUB_REPOSITORY", /^[^/\s]+\/[^/\s]+$/, "owner/name");
  const via = { run_id: needNumber("GITHUB_RUN_ID"), run_attempt: needNumber("GITHUB_RUN_ATTEMPT") };
  const workflow = workflowPath(env.GITHUB_WORKFLOW_REF ?? "");
  if (workflow === null)
    problems.push(
      `GITHUB_WORKFLOW_REF: expected owner/name/path@ref from the runner, got ${quote(env.GITHUB_WORKFLOW_REF ?? "")}`,
    );

  const started = env.GITHUB_EVENT_NAME === "workflow_run" ? startingRun(readEvent()) : undefined;
  if (started === null)
    problems.push(
      "GITHUB_EVENT_PATH: expected the workflow_run that started this workflow, with id, run_attempt, head_sha and head_branch",
    );
  const sha = inputs.sha ?? started?.sha ?? need("GITHUB_SHA", /^[0-9a-f]{40}$/i, "40 hexadecimal digits");
  const ref =
    inputs.ref ?? started?.ref ?? need("GITHUB_REF", /^refs\/\S+$/, "a full ref, such as refs/heads/main");
  if (problems.length > 0) throw new InputError(problems);

  const request: ActionRequest = {
    repository,
    environment: inputs.environment,
    ...(inputs.target !== undefined && { target: inputs.target }),
    ...(started ? { run_id: started.run_id, run_attempt: started.run_attempt } : via),
    ...(started ? started.numbered : ownNumber(env.GITHUB_RUN_NUMBER)),
    via,
    sha: sha.toLowerCase(),
    ref,
    workflow: workflow ?? "",
    ...(env.GITHUB_ACTOR && { actor: env.GITHUB_ACTOR }),
    ...(inputs.payload !== undefined && { payload_text: inputs.payload }),
    ...(inputs.dryRun && { dry_run: true }),
  };
  const bytes = Buffer.byteLength(requestBody(request));
  if (bytes > MAX_REQUEST_BYTES)
    throw new InputError([
      `payload: expected a request of at most ${MAX_REQUEST_BYTES} bytes, got ${bytes}; hand over a link instead of the data`,
    ]);
  return request;
}

/**
 * The path in `owner/name/.github/workflows/deploy.yml@refs/heads/main`, or null when the text has another
 * form.
 */
export function workflowPath(workflowRef: string): string | null {
  return /^[^/]+\/[^/]+\/(.+?)@(?:refs\/.+|[^@]+)$/.exec(workflowRef)?.[1] ?? null;
}

type Numbered = Pick<DeploymentRequest, "run_number" | "run_workflow">;

/** By its number the App sees whether an earlier run is missing; the number is optional. */
function ownNumber(number = ""): Numbered {
  return /^[1-9]\d{0,15}$/.test(number) ? { run_number: Number(number) } : {};
}

function startingRun(
  event: unknown,
): (RunReference & { sha: string; ref: string; numbered: Numbered }) | null {
  const run = (event as { workflow_run?: Record<string, unknown> } | null)?.workflow_run;
  if (typeof run !== "object" || run === null) return null;
  const { id, run_attempt, run_number, path, head_sha, head_branch } = run;
  if (!Number.isSafeInteger(id) || !Number.isSafeInteger(run_attempt)) return null;
  if (typeof head_sha !== "string" || !/^[0-9a-f]{40}$/i.test(head_sha)) return null;
  if (typeof head_branch !== "string" || head_branch === "") return null;
  return {
    run_id: id as number,
    run_attempt: run_attempt as number,
    sha: head_sha,
    ref: `refs/heads/${head_branch}`,
    // Without its workflow, the number would count for this workflow.
    numbered:
      Number.isSafeInteger(run_number) && typeof path === "string" && path !== ""
        ? { run_number: run_number as number, run_workflow: withoutRef(path) }
        : {},
  };
}

function quote(text: string): string {
  return text === "" ? "nothing" : JSON.stringify(text.slice(0, 100));
}
