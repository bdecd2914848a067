import { z } from "zod";
import { DEPLOYMENT_STATUSES, WAIT_FOR } from "../../../shared/deployment.ts";
import { ECHOES } from "../../reads/list-deliveries.ts";
import { DELIVERY_OUTCOMES } from "../../store/schema.ts";
import { DEFAULT_PER_PAGE, MAX_PER_PAGE, MAX_WAIT_S } from "../list-query.ts";
import type { AnswerName, RequestName } from "./schemas.ts";

/** A credential that an operation accepts. Any one of its list is enough; an empty list admits everyone. */
export type Proof = "admin" | "session" | "oidc" | "signature" | "github" | "metrics";

/** A call of the API. */
export interface Operation {
  method: "get" | "post" | "delete";
  /** With placeholders such as `{id}`. */
  path: string;
  summary: string;
  proofs: readonly Proof[];
  query?: z.ZodObject;
  /** The accepted bodies, any one of them; "json" means any object. */
  request?: readonly RequestName[] | "json";
  /** By status: the name of the JSON answer, or the media type of another answer. */
  answers: Record<number, AnswerName | "text/plain" | "application/json">;
  /** The statuses that come with a problem document. */
  problems: readonly number[];
}

const PEOPLE = ["admin", "session"] as const;
const CALLERS = ["signature", "oidc", ...PEOPLE] as const;
const page = {
  per_page: z.int().min(1).max(MAX_PER_PAGE).default(DEFAULT_PER_PAGE),
  cursor: z.string().describe("the `next_cursor` of the page before"),
};
const flag = z.enum(["0", "1", "true", "false"]);

/** Every operation of the API. Pages, their assets and the instances' own socket do not belong here. */
export const OPERATIONS: readonly Operation[] = [
  {
    method: "post",
    path: "/api/github/webhooks",
    summary: "An event of GitHub's: answered once it is on disk",
    proofs: ["github"],
    request: "json",
    answers: { 200: "WebhookAnswer", 202: "WebhookAnswer" },
    problems: [400, 401, 408, 413, 503],
  },
  {
    method: "post",
    path: "/api/deployments",
    summary:
      "Asks for a deployment: 202 when it is new, 200 when it is known or `dry_run`, 409 when it is known with another commit, ref or payload; 403 with the type urn:twinhook:problem:approval when only an approved job may ask",
    proofs: CALLERS,
    request: ["DeploymentRequest", "DeploymentRequestByAdmin"],
    answers: { 200: "DeploymentOrDryRun", 202: "Deployment" },
    problems: [400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503],
  },
  {
    method: "get",
    path: "/api/deployments",
    summary: "Deployments, the newest first",
    proofs: PEOPLE,
    query: z.object({
      ...page,
      status: z.enum(DEPLOYMENT_STATUSES),
      repository: z.string(),
      target: z.string(),
      environment: z.string(),
      sha: z.string().describe("a commit, or its beginning"),
    }),
    answers: { 200: "DeploymentList" },
    problems: [400, 401, 403],
  },
  {
    method: "get",
    path: "/api/deployments/{id}",
    summary: "A deployment, at once or at its next change",
    proofs: CALLERS,
    query: z.object({
      wait: z.int().min(0).max(MAX_WAIT_S).default(0).describe("seconds to wait for its next change"),
      for: z.enum(WAIT_FOR).describe("what the caller waits for; once it is so, `verified_at` is stamped"),
    }),
    answers: { 200: "Deployment" },
    problems: [400, 401, 403, 404, 503],
  },
  {
    method: "get",
    path: "/api/deployments/{id}/log",
    summary: "The output of its command",
    proofs: PEOPLE,
    query: z.object({
      follow: flag.describe("1: goes on until it has ended"),
      timestamps: flag.describe("1: with the time before every line"),
    }),
    answers: { 200: "text/plain" },
    problems: [401, 403, 404],
  },
  {
    method: "post",
    path: "/api/deployments/{id}/cancel",
    summary: "Cancels it, whether it waits or runs",
    proofs: PEOPLE,
    answers: { 202: "Deployment" },
    problems: [401, 403, 404, 409],
  },
  {
    method: "post",
    path: "/api/deployments/{id}/retry",
    summary: "Deploys a failed or cancelled one again",
    proofs: PEOPLE,
    answers: { 202: "Deployment" },
    problems: [401, 403, 404, 409],
  },
  {
    method: "get",
    path: "/api/deliveries",
    summary: "What arrived and what became of it, the newest first",
    proofs: PEOPLE,
    query: z.object({
      ...page,
      repository: z.string(),
      guid: z.string(),
      event: z.string(),
      outcome: z.enum(DELIVERY_OUTCOMES),
      echoes: z
        .enum(ECHOES)
        .describe(
          "GitHub's `deployment` events, most of them echoes of the App's own; hidden unless a guid or an event is asked for",
        ),
    }),
    answers: { 200: "DeliveryList" },
    problems: [400, 401, 403],
  },
  {
    method: "post",
    path: "/api/deliveries/{id}/redeliver",
    summary: "Judges what deployed nothing once more, by the configuration of now",
    proofs: PEOPLE,
    answers: { 202: "Delivery" },
    problems: [401, 403, 404, 409, 503],
  },
  {
    method: "get",
    path: "/api/status",
    summary: "The state of the redundancy",
    proofs: PEOPLE,
    answers: { 200: "Status" },
    problems: [401, 403],
  },
  {
    method: "post",
    path: "/api/switchover",
    summary: "Makes an instance the active one, and pins it",
    proofs: PEOPLE,
    request: ["SwitchoverRequest"],
    answers: { 202: "Switchover" },
    problems: [400, 401, 403, 409, 503],
  },
  {
    method: "delete",
    path: "/api/switchover",
    summary: "Lets the preferred instance recover again",
    proofs: PEOPLE,
    answers: { 202: "Switchover" },
    problems: [401, 403],
  },
  {
    method: "get",
    path: "/api/targets",
    summary: "Every target: what is live, what waits, and whether it is held",
    proofs: PEOPLE,
    answers: { 200: "TargetList" },
    problems: [401],
  },
  {
    method: "post",
    path: "/api/targets/{owner}/{repo}/{name}/rollback",
    summary:
      "Deploys an earlier commit again, and holds the target: 200 when that commit is live, or on its way, already",
    proofs: PEOPLE,
    request: ["RollbackRequest"],
    answers: { 200: "Deployment", 202: "Deployment" },
    problems: [401, 403, 404, 409, 422, 503],
  },
  {
    method: "post",
    path: "/api/targets/{owner}/{repo}/{name}/hold",
    summary: "Holds a target: runs are accepted and wait, and none begins",
    proofs: PEOPLE,
    request: ["HoldRequest"],
    answers: { 202: "TargetHold" },
    problems: [401, 403, 404, 422],
  },
  {
    method: "delete",
    path: "/api/targets/{owner}/{repo}/{name}/hold",
    summary: "Releases a target: waiting runs are deployed, as `queue` says",
    proofs: PEOPLE,
    answers: { 202: "TargetHold" },
    problems: [401, 403, 404],
  },
  {
    method: "post",
    path: "/api/targets/{owner}/{repo}/{name}/mark",
    summary: "Sets the run below which a target deploys nothing any more, higher or lower than it is",
    proofs: PEOPLE,
    request: ["MarkRequest"],
    answers: { 202: "TargetMark" },
    problems: [401, 403, 404, 422],
  },
  {
    method: "get",
    path: "/api/tokens",
    summary: "The named admin tokens: what each may do, and its last use",
    proofs: PEOPLE,
    answers: { 200: "TokenList" },
    problems: [401, 403],
  },
  {
    method: "post",
    path: "/api/tokens",
    summary: "Makes a named admin token; no other answer ever shows it",
    proofs: PEOPLE,
    request: ["TokenRequest"],
    answers: { 201: "TokenMade" },
    problems: [401, 403, 409, 422],
  },
  {
    method: "delete",
    path: "/api/tokens/{name}",
    summary: "Revokes a named admin token; it is refused from now on",
    proofs: PEOPLE,
    answers: { 200: "Token" },
    problems: [401, 403, 404],
  },
  {
    method: "post",
    path: "/api/alerts/test",
    summary: "Sends a test alert to every channel",
    proofs: PEOPLE,
    answers: { 202: "TestAlert" },
    problems: [401, 403, 409],
  },
  {
    method: "get",
    path: "/api/openapi.json",
    summary: "This description",
    proofs: [],
    answers: { 200: "application/json" },
    problems: [],
  },
  {
    method: "get",
    path: "/livez",
    summary: "The process answers",
    proofs: [],
    query: z.object({
      wait: z.int().min(0).max(MAX_WAIT_S).default(0).describe("seconds until it does"),
    }),
    answers: { 200: "Health" },
    problems: [400],
  },
  {
    method: "get",
    path: "/readyz",
    summary: "It can commit right now",
    proofs: [],
    answers: { 200: "Health", 503: "Health" },
    problems: [],
  },
  {
    method: "get",
    path: "/metrics",
    summary: "Metrics for Prometheus",
    proofs: ["metrics", ...PEOPLE],
    answers: { 200: "text/plain" },
    problems: [401, 403],
  },
];
