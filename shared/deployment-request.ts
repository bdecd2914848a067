import { createHash } from "node:crypto";
import { stringifyExact } from "./json-text.ts";

/** One attempt of one workflow run at GitHub. */
export interface RunReference {
  run_id: number;
  run_attempt: number;
}

/**
 * The body of `POST /api/deployments`, as the Action sends it. `repository` is `owner/name`, `sha` 40
 * hexadecimal digits, `ref` a full ref (`refs/heads/main`). `workflow` is the path of the workflow file.
 * `via` is the run that sends the request (default: the run itself). `run_number` is the number of the run
 * among the runs of `run_workflow` (default: of `workflow`).
 */
export interface DeploymentRequest extends RunReference {
  repository: string;
  environment: string;
  /** Needed when the environment has several targets. */
  target?: string;
  run_number?: number;
  run_workflow?: string;
  via?: RunReference;
  sha: string;
  ref: string;
  workflow: string;
  actor?: string;
  /** The command gets it as a file, byte by byte; nothing interprets it. */
  payload?: unknown;
  /** The JSON text of the payload, in its place, where a request is stored: GitHub prints numbers anew. */
  payload_text?: string;
  /** Checks everything and deploys nothing. */
  dry_run?: boolean;
}

/** The body for an endpoint: it contains the payload's text unchanged. */
export function requestBody({ payload_text, ...request }: DeploymentRequest): string {
  const body = stringifyExact(request);
  return payload_text === undefined ? body : `${body.slice(0, -1)},"payload":${payload_text}}`;
}

/**
 * The payload of a GitHub Deployment in which the Action parks its request when no endpoint answers. The
 * App's own GitHub Deployments name the `id` of the deployment that they show.
 */
export interface DeploymentRequestPayload {
  twinhook: DeploymentRequest;
  /** Proves who parked the request, so that its run need not have ended. */
  proof?: RequestProof;
}

/**
 * The headers with which an Action would have sent the request to an endpoint. They are made for its {@link
 * canonicalJson}, at most 5 minutes before the GitHub Deployment. A token's audience is {@link leftAudience}.
 * So a reader of the payload can only repeat the same request.
 */
export type RequestProof = Record<string, string>;

/** The audience of an OIDC token that proves who parked the request with this canonical text at GitHub. */
export function leftAudience(audience: string, text: string): string {
  return `${audience}/left/${createHash("sha256").update(text).digest("hex")}`;
}

/**
 * The `type` of a refusal (RFC 9457) that the Action explains: the job lacks an approval, or the target takes no
 * requests of Actions.
 */
export const PROBLEMS = {
  approval: "urn:twinhook:problem:approval",
  route: "urn:twinhook:problem:route",
} as const;

/** The `task` of Twinhook's GitHub Deployments. */
export const GITHUB_TASK = "twinhook";
/** The path of the deployments collection below an endpoint's URL. */
export const DEPLOYMENTS_PATH = "/api/deployments";
/** The path of the webhook entrance below an endpoint's URL. */
export const WEBHOOK_PATH = "/api/github/webhooks";
/** The largest body of a deployment request, in bytes. */
export const MAX_REQUEST_BYTES = 64 * 1024;
