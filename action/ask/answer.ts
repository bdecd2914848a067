import { DEPLOYMENT_STATUSES, type Deployment } from "../../shared/deployment.ts";
import type { ActionRequest } from "./request.ts";

/** What the Action reads of a deployment; unknown fields are ignored. */
export type KnownDeployment = Pick<
  Deployment,
  | "id"
  | "repository"
  | "target"
  | "environment"
  | "sha"
  | "run_id"
  | "run_attempt"
  | "status"
  | "superseded_by"
  | "accepted_by"
  | "run_by"
  | "exit_code"
  | "reason"
  | "log_tail"
  | "duplicate"
> & {
  url: string | null;
  /** Whether an instance has it on record; false while the request only lies at GitHub. */
  onRecord: boolean;
};

/** A deployment for our key, or why the answer is none. */
export type ReadAnswer =
  | { kind: "deployment"; deployment: KnownDeployment }
  | { kind: "invalid"; problem: string };

/**
 * Reads the body of a 2xx answer and takes it for the deployment only if it is exactly the one asked for:
 * a proxy's page, another run's deployment or half an answer confirm nothing.
 * @param expectedId the id that was accepted before, when reading back.
 */
export function readAnswer(body: string, request: ActionRequest, expectedId?: string): ReadAnswer {
  const invalid = (problem: string): ReadAnswer => ({ kind: "invalid", problem });
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return invalid(body.trim() === "" ? "the answer is empty" : "the answer is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return invalid("the answer is not a deployment");
  const found = value as Record<string, unknown>;

  const status = DEPLOYMENT_STATUSES.find((known) => known === found.status);
  if (status === undefined) return invalid("the answer is not a deployment: `status` is missing or unknown");
  // A dry run puts nothing on record and may therefore have no id.
  const id = identifier(found.id) ?? (request.dry_run && found.id == null ? "" : null);
  if (id === null) return invalid("the answer is not a deployment: `id` is missing or malformed");
  if (expectedId !== undefined && id !== expectedId) return invalid("the answer is about another deployment");

  const differs = Object.entries(expectedFields(request)).find(
    ([name, expected]) => normalized(found[name]) !== normalized(expected),
  );
  if (differs) return invalid(`the answer is about another deployment: its \`${differs[0]}\` is not ours`);
  return {
    kind: "deployment",
    deployment: {
      id,
      status,
      repository: request.repository,
      environment: request.environment,
      sha: request.sha,
      run_id: request.run_id,
      run_attempt: request.run_attempt,
      target: text(found.target) ?? request.target ?? "",
      superseded_by: identifier(found.superseded_by),
      accepted_by: text(found.accepted_by) ?? "",
      run_by: text(found.run_by),
      exit_code: Number.isSafeInteger(found.exit_code) ? (found.exit_code as number) : null,
      reason: text(found.reason),
      log_tail: text(found.log_tail),
      url: webUrl(found.url),
      duplicate: found.duplicate === true,
      onRecord: true,
    },
  };
}

function expectedFields(request: ActionRequest): Record<string, string | number> {
  const { repository, environment, target, run_id, run_attempt, sha } = request;
  return { repository, environment, run_id, run_attempt, sha, ...(target !== undefined && { target }) };
}

/** GitHub compares the names of repositories and environments, and everyone a sha, without regard to case. */
function normalized(value: unknown): unknown {
  return typeof value === "string" ? value.toLowerCase() : value;
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** An id stands in sentences that the log prints as they are, so it must look like one. */
export function identifier(value: unknown): string | null {
  return typeof value === "string" && /^[A-Za-z0-9_-]{1,128}$/.test(value) ? value : null;
}

/** Only an http(s) URL becomes a link. */
export function webUrl(value: unknown): string | null {
  if (typeof value !== "string" || !URL.canParse(value)) return null;
  const { protocol, href } = new URL(value);
  return protocol === "https:" || protocol === "http:" ? href : null;
}
