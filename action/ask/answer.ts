import {
  DEPLOYMENT_STATUSES,
  type Deployment,
  type DeploymentHost,
  HOST_RUN_STATUSES,
  type Verification,
} from "../../shared/deployment.ts";
import type { ActionRequest } from "./request.ts";

/** The fields of a deployment that the Action reads; unknown fields are ignored. */
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
  /** Its run on each host; none where it runs on one host alone. */
  hosts: Pick<DeploymentHost, "host" | "status" | "exit_code">[];
  url: string | null;
  verify: Pick<Verification, "url" | "status" | "answer"> | null;
  /** Whether an instance has recorded the deployment; false while the request is only parked at GitHub. */
  onRecord: boolean;
};

/** A deployment for this step's key, or why the answer is none. */
export type ReadAnswer =
  | { kind: "deployment"; deployment: KnownDeployment }
  | { kind: "invalid"; problem: string };

/**
 * Reads the body of a 2xx answer. It counts only as exactly the requested deployment. A proxy's page, another
 * run's deployment or half an answer confirm nothing.
 * @param expectedId when reading back, the id that was accepted before.
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
  // A dry run records nothing, so its answer may lack an id.
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
      hosts: hostsIn(found.hosts),
      exit_code: wholeNumber(found.exit_code),
      reason: text(found.reason),
      log_tail: text(found.log_tail),
      url: webUrl(found.url),
      verify: verification(found.verify),
      duplicate: found.duplicate === true,
      onRecord: true,
    },
  };
}

/** Reads the verification; null where there is none, or an older instance does not tell of it. */
function verification(value: unknown): KnownDeployment["verify"] {
  const { url, status, answer } = (typeof value === "object" && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  const known = (["running", "succeeded", "failed", "cancelled"] as const).find((one) => one === status);
  const site = webUrl(url);
  return known && site !== null ? { url: site, status: known, answer: text(answer) } : null;
}

function expectedFields(request: ActionRequest): Record<string, string | number> {
  const { repository, environment, target, run_id, run_attempt, sha } = request;
  return { repository, environment, run_id, run_attempt, sha, ...(target !== undefined && { target }) };
}

/** GitHub ignores case in the names of repositories and environments; a sha is the same in either case. */
function normalized(value: unknown): unknown {
  return typeof value === "string" ? value.toLowerCase() : value;
}

/** The hosts of a deployment, as far as they are understood. */
function hostsIn(value: unknown): KnownDeployment["hosts"] {
  return (Array.isArray(value) ? value : []).flatMap((one: Record<string, unknown> | null) => {
    const status = HOST_RUN_STATUSES.find((known) => known === one?.status);
    const host = text(one?.host);
    return status && host ? { host, status, exit_code: wholeNumber(one?.exit_code) } : [];
  });
}

function wholeNumber(value: unknown): number | null {
  return Number.isSafeInteger(value) ? (value as number) : null;
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** The log prints an id inside sentences unchanged, so it must look like an id. */
export function identifier(value: unknown): string | null {
  return typeof value === "string" && /^[A-Za-z0-9_-]{1,128}$/.test(value) ? value : null;
}

/** Returns the text only if it is an http(s) URL, which may become a link. */
export function webUrl(value: unknown): string | null {
  if (typeof value !== "string" || !URL.canParse(value)) return null;
  const { protocol, href } = new URL(value);
  return protocol === "https:" || protocol === "http:" ? href : null;
}
