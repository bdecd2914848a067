import { z } from "zod";
import type { DeploymentRequest } from "../../shared/deployment-request.ts";
import { memberText, stringifyExact } from "../../shared/json-text.ts";
import { isBranch, matchesRef, refsOfName } from "../config/refs.ts";
import type { TargetConfig } from "../config/schema.ts";
import { isNamed, isSameEnvironment } from "../config/target-name.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Arrival, RunFacts } from "./arrival.ts";
import { canonicalPayload } from "./fingerprint.ts";
import { problemsOf } from "./problems-of.ts";
import { NO_NAMES, type RepositoryNames } from "./repository-names.ts";

const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((value) => !value.includes("\0"), { message: "text without NUL" });
const runReference = { run_id: z.int().positive(), run_attempt: z.int().positive() };
/** The request that the Action sends. */
export const requestByAction = z.object({
  repository: text(200).regex(/^[^/\s]+\/[^/\s]+$/, { message: "OWNER/NAME" }),
  environment: text(255),
  target: text(100).optional(),
  ...runReference,
  run_number: z.int().positive().optional(),
  run_workflow: text(300).optional(),
  via: z.object(runReference).optional(),
  sha: z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/, { message: "a full commit sha in lower case" }),
  ref: text(300),
  workflow: text(300),
  // Only for display: a wrong value does not refuse the request.
  actor: text(100).optional().catch(undefined),
  payload: z.unknown().optional(),
  dry_run: z.boolean().optional(),
});

/** The request of an admin, who may name a commit alone, and so roll back. */
export const requestByAdmin = requestByAction.partial({
  environment: true,
  run_id: true,
  run_attempt: true,
  ref: true,
  workflow: true,
});

/** A request of the right shape, its payload as text. An admin's may name the commit alone. */
export type ParsedRequest = Omit<
  DeploymentRequest,
  "payload" | "environment" | "run_id" | "run_attempt" | "ref" | "workflow"
> &
  Partial<Pick<DeploymentRequest, "environment" | "run_id" | "run_attempt" | "ref" | "workflow">>;

/**
 * Checks the body of a deployment request. Unknown fields are ignored, so that old and new versions
 * understand each other. Returns the request, or the problem in words.
 */
export function parseDeploymentRequest(
  body: unknown,
  { admin }: { admin: boolean },
): { request: ParsedRequest } | { problem: string } {
  const shape = (admin ? requestByAdmin : requestByAction).extend({ payload_text: z.string().optional() });
  const result = shape.safeParse(body);
  if (!result.success) return { problem: problemsOf(result.error, "the body") };
  const { payload, ...data } = result.data;
  const request = data as ParsedRequest;
  try {
    if (payload !== undefined) request.payload_text ??= stringifyExact(payload);
    canonicalPayload(request.payload_text ?? null);
  } catch (error) {
    if (error instanceof RangeError) return { problem: "payload: nested too deeply" };
    if (error instanceof SyntaxError) return { problem: "payload_text: not JSON" };
    throw error;
  }
  if ((request.run_id === undefined) !== (request.run_attempt === undefined))
    return { problem: "run_id and run_attempt: either both or none" };
  return { request };
}

/**
 * Parses a request body, and adds the exact text of the payload.
 * @throws {SyntaxError} when it is not JSON.
 */
export function readRequestBody(text: string): unknown {
  const body: unknown = JSON.parse(text);
  if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
  return { ...body, payload_text: memberText(text, "payload") };
}

/** The value as JSON; null where it is nested too deeply. */
export function jsonOf(value: unknown): string | null {
  try {
    return stringifyExact(value);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Finds the target of a request. Returns the reason where none matches (404) or several do (422). */
export function findTarget(
  request: Pick<ParsedRequest, "repository" | "environment" | "target">,
  targets: readonly TargetConfig[],
  names: RepositoryNames = NO_NAMES,
): { target: TargetConfig } | { reason: "not_found" | "invalid"; problem: string } {
  const found = targets.filter(
    (t) =>
      repositoryKey(t.repository) === names.keyOf(request.repository) &&
      (request.environment === undefined || isSameEnvironment(t.environment, request.environment)) &&
      (request.target === undefined || isNamed(t, request.target)),
  );
  const [target, ...others] = found;
  const wanted = [request.environment, request.target].filter(Boolean).join(", target ");
  if (!target)
    return {
      reason: "not_found",
      problem: `no target is configured for ${request.repository}, environment ${wanted || "(any)"}; add it to twinhook.yml, or correct the request`,
    };
  if (others.length > 0)
    return {
      reason: "invalid",
      problem: `several targets match: name one of them in "target": ${found.map((t) => t.name).join(", ")}`,
    };
  return { target };
}

/** Whether the request names a run other than its own. An Action knows only the name in that run's ref. */
function namesOtherRun({ via, run_id }: ParsedRequest): boolean {
  return via !== undefined && via.run_id !== run_id;
}

/** The refs that the request may mean. */
function refsOf(request: ParsedRequest): string[] {
  const { ref = "" } = request;
  return namesOtherRun(request) && isBranch(ref) ? refsOfName(ref) : [ref];
}

/**
 * Checks a request against the target's rules. Returns the reason for a refusal, or null.
 * The target must allow one of the refs in `possible`. By default these are the refs that the request may mean.
 */
export function checkActionRules(
  request: ParsedRequest,
  target: TargetConfig,
  possible: readonly string[] = refsOf(request),
): string | null {
  const { workflows, refs } = target.action;
  if (!workflows.includes(request.workflow ?? ""))
    return `the workflow ${request.workflow} may not deploy ${target.name}; allowed (action.workflows): ${workflows.join(", ")}`;
  if (!possible.some((ref) => matchesRef(refs, ref)))
    return `the ref ${possible[0]} may not deploy ${target.name}; allowed (action.refs): ${refs.join(", ")}`;
  return null;
}

/** The facts of a run as the request states them. They may be false. */
export function requestFacts(request: ParsedRequest): RunFacts {
  return {
    repository: request.repository,
    runId: request.run_id ?? null,
    runAttempt: request.run_attempt ?? null,
    runStartedAt: null,
    sha: request.sha,
    ref: request.ref ?? request.sha,
    refUnproven: namesOtherRun(request) && /^refs\/(heads|tags)\//.test(request.ref ?? ""),
    workflow: request.workflow ?? null,
    actor: request.actor ?? null,
    commitTitle: null,
    numbered:
      request.run_number === undefined
        ? null
        : { workflow: request.run_workflow ?? request.workflow ?? "", number: request.run_number },
  };
}

/** The request as an arrival for its target. `proven` holds facts that GitHub vouches for. */
export function requestArrival(
  request: ParsedRequest,
  target: TargetConfig,
  { admin = false, proven = {} }: { admin?: boolean; proven?: Partial<RunFacts> } = {},
): Arrival {
  const facts = requestFacts(request);
  const ref = refsOf(request).find((one) => matchesRef(target.action.refs, one)) ?? facts.ref;
  return {
    source: admin ? "manual" : "action",
    guid: null,
    event: "deployment_request",
    action: null,
    // The answer shows the name that the caller used; the store uses the configured one.
    facts: { ...facts, ref, ...proven, repository: request.repository },
    repository: repositoryKey(target.repository),
    targets: [target],
    ignored: null,
    payload: request.payload_text ?? null,
    viaRunAttempt: request.via?.run_attempt ?? (admin ? null : (request.run_attempt ?? null)),
  };
}
