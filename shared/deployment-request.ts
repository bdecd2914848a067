import { createHash } from "node:crypto";
import { stringifyExact } from "./json-text.ts";

/** One attempt of one workflow run at GitHub. */
export interface RunReference {
  run_id: number;
  run_attempt: number;
}

/**
 * The body of `POST /api/deployments`, as the Action sends it.
 * `repository` is `owner/name`, `sha` 40 hexadecimal digits, `ref` a full ref (`refs/heads/main`),
 * `workflow` the path of the workflow file. `via` is the run that sends the request (default: the run itself).
 * `run_number` is the number of the run among the runs of `run_workflow` (default: of `workflow`).
 */
export interface DeploymentRequest extends RunReference {
  repository: string;
  environment: string;
  /** Needed where the environment has several targets. */
  target?: string;
  run_number?: number;
  run_workflow?: string;
  via?: RunReference;
  sha: string;
  ref: string;
  workflow: string;
  actor?: string;
  /** Handed to the command as a file, letter by letter; never interpreted. */
  payload?: unknown;
  /** The JSON text of the payload, in place of it, where a request is stored: GitHub prints numbers anew. */
  payload_text?: string;
  /** Checks everything and deploys nothing. */
  dry_run?: boolean;
}

/** The body that an endpoint gets: the payload stands in it as its text does. */
export function requestBody({ payload_text, ...request }: DeploymentRequest): string {
  const body = stringifyExact(request);
  return payload_text === undefined ? body : `${body.slice(0, -1)},"payload":${payload_text}}`;
}

/**
 * The payload of a GitHub Deployment in which the Action leaves its request, when it reached no endpoint. Those
 * that the App makes itself name the `id` of the deployment that they show.
 */
export interface DeploymentRequestPayload {
  twinhook: DeploymentRequest;
  /** Proves who left it, so that the run that it names need not have ended. */
  proof?: RequestProof;
}

/**
 * The headers with which an Action would have sent the request to an endpoint, made for its {@link canonicalJson} no
 * more than 5 minutes before the GitHub Deployment. A token's audience is {@link leftAudience}: whoever reads the
 * payload can do nothing with it but ask for the same once more.
 */
export type RequestProof = Record<string, string>;

/** The audience of an OIDC token that proves who left the request with this canonical text at GitHub. */
export function leftAudience(audience: string, text: string): string {
  return `${audience}/left/${createHash("sha256").update(text).digest("hex")}`;
}

/** The `task` of GitHub Deployments that are Twinhook's. */
export const GITHUB_TASK = "twinhook";
/** The path of the deployments collection below an endpoint's URL. */
export const DEPLOYMENTS_PATH = "/api/deployments";
/** The path of the webhook entrance below an endpoint's URL. */
export const WEBHOOK_PATH = "/api/github/webhooks";
/** The largest body of a deployment request, in bytes. */
export const MAX_REQUEST_BYTES = 64 * 1024;
