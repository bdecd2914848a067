import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "pino";
import { ZodError } from "zod";
import type { Acceptor } from "../accept/acceptor.ts";
import type { Arrival } from "../accept/arrival.ts";
import { problemsOf } from "../accept/problems-of.ts";
import type { RepositoryNames } from "../accept/repository-names.ts";
import { judgeWorkflowRun, parseWorkflowRun } from "../accept/workflow-run.ts";
import type { TargetConfig } from "../config/schema.ts";
import { readDeploymentEvent } from "../github/deployment-event.ts";
import type { SignatureCheck } from "../github/signature.ts";
import { readTagEvent, type TagEvent } from "../github/tag-event.ts";
import type { WebhookAnswer } from "../reads/answers/delivery.ts";
import { asProblem } from "./as-problem.ts";
import type { BodyReader } from "./body-reader.ts";
import { HttpProblem } from "./problem.ts";

/** GitHub sends no larger payload: https://docs.github.com/en/webhooks/webhook-events-and-payloads */
export const MAX_PAYLOAD_BYTES = 25 * 1024 * 1024;

export interface WebhookEntranceOptions {
  acceptor: Acceptor;
  bodies: BodyReader;
  targets: readonly TargetConfig[];
  /** Maps repository names in the configuration to today's names; without it, names stand for themselves. */
  names?: RepositoryNames | undefined;
  verify: SignatureCheck;
  /** Called with the name of every event that deploys nothing. */
  onCounted?: (event: string) => void;
  /** Scans a repository in which an Action parked a request; the event is answered after that. */
  onParked?: (repository: string) => Promise<void>;
  /** Records that a tag was created or deleted; the event is answered after that. */
  onTag?: (event: TagEvent) => Promise<void>;
  /** Called with the status of every refusal. */
  onRefused?: (status: number) => void;
  log: Logger;
}

/**
 * Receives GitHub's events. It replaces Probot's middleware, which reads bodies without a limit. That
 * middleware also answers 202 after 9 s although nothing is on disk yet. Only raw bytes with a valid
 * signature are trusted.
 */
export function webhookEntrance({
  acceptor,
  bodies,
  targets,
  names,
  verify,
  onCounted,
  onParked,
  onTag,
  onRefused,
  log,
}: WebhookEntranceOptions) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const guid = header(request, "x-github-delivery");
    try {
      const { status, answer } = await receive(request, guid);
      if (answer.outcome !== "counted")
        log.info(
          { guid, delivery: answer.delivery, deployments: answer.deployments },
          `event ${answer.outcome}`,
        );
      respond(response, status, "application/json", JSON.stringify(answer));
    } catch (error) {
      const problem = asProblem(error);
      onRefused?.(problem.status);
      if (problem.status === 500) log.error({ err: error, guid }, "an event could not be handled");
      else log.warn({ guid, status: problem.status }, `event refused: ${problem.message}`);
      if (!response.destroyed)
        respond(
          response,
          problem.status,
          "application/problem+json",
          JSON.stringify(problem),
          problem.headers,
        );
      // The rest of an unread body must not hold the connection.
      if (!request.complete) request.destroy();
    }
  };

  async function receive(
    request: IncomingMessage,
    guid: string | null,
  ): Promise<{ status: number; answer: WebhookAnswer }> {
    const { event, arrival, parked, tag } = await read(request, guid);
    if (!arrival) {
      if (tag) await onTag?.(tag);
      onCounted?.(event);
      return {
        status: 202,
        answer: {
          delivery: null,
          outcome: "counted",
          reason: `${event} events deploy nothing`,
          deployments: [],
        },
      };
    }
    // The scan comes first: a recorded event is not looked for in GitHub's log again.
    if (parked) await onParked?.(arrival.repository);
    const accepted = await acceptor.accept(arrival);
    return {
      status: accepted.queued ? 202 : 200,
      answer: {
        delivery: accepted.deliveryId,
        outcome: accepted.outcome,
        reason: accepted.reason,
        deployments: accepted.deployments,
      },
    };
  }

  /**
   * Reads, verifies and judges an event; `arrival` is null when the event is only counted. This is a separate
   * function so that the payload becomes garbage before the commit. Otherwise every garbage collection during
   * the commit copies it.
   */
  async function read(
    request: IncomingMessage,
    guid: string | null,
  ): Promise<{ event: string; arrival: Arrival | null; parked?: boolean; tag?: TagEvent | null }> {
    const event = header(request, "x-github-event");
    const signature = header(request, "x-hub-signature-256");
    if (!signature)
      throw new HttpProblem(
        401,
        "the header X-Hub-Signature-256 is missing; set the webhook's secret at GitHub",
      );
    const text = await proven(request, signature);
    if (!event || !guid)
      throw new HttpProblem(400, "the headers X-GitHub-Event and X-GitHub-Delivery are needed");
    const payload = parse(text, header(request, "content-type"));

    if (event === "deployment") {
      const { arrival, parked } = readDeploymentEvent(payload);
      return { event, arrival: { source: "webhook", guid, ...arrival }, parked };
    }
    if (event !== "workflow_run") return { event, arrival: null, tag: readTagEvent(event, payload) };
    return { event, arrival: judge(event, guid, payload) };
  }

  /** The body, if its signature proves that GitHub sent it. */
  async function proven(request: IncomingMessage, signature: string): Promise<string> {
    const body = await bodies.read(request, MAX_PAYLOAD_BYTES);
    try {
      const text = body.bytes.toString("utf8");
      if (await verify(text, signature)) return text;
    } finally {
      body.release();
    }
    throw new HttpProblem(
      401,
      "the signature does not match; WEBHOOK_SECRET and the webhook's secret at GitHub must be the same",
    );
  }

  function judge(event: string, guid: string, payload: unknown): Arrival {
    const common = { source: "webhook" as const, guid, event, payload: null, viaRunAttempt: null };
    try {
      return { ...common, ...judgeWorkflowRun(parseWorkflowRun(payload), targets, names) };
    } catch (error) {
      if (!(error instanceof ZodError)) throw error;
      const where = problemsOf(error, "the payload");
      throw new HttpProblem(400, `the payload is not that of a workflow_run event: ${where}`);
    }
  }
}

/** Parses the payload: JSON itself, or the form field `payload`, depending on the webhook's content type. */
function parse(text: string, contentType: string | null): object {
  const type = contentType?.split(";")[0]?.trim().toLowerCase();
  let json = text;
  if (type === "application/x-www-form-urlencoded") json = new URLSearchParams(text).get("payload") ?? "";
  else if (type !== "application/json")
    throw new HttpProblem(
      400,
      `the content type ${type ?? "(none)"} is not understood; set the webhook's to application/json`,
    );
  try {
    const payload: unknown = JSON.parse(json);
    if (typeof payload === "object" && payload !== null && !Array.isArray(payload)) return payload;
  } catch {
    // The error below covers this case, and does not quote the body.
  }
  throw new HttpProblem(400, "the body is not a JSON object");
}

function header(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === "string" && value !== "" ? value : null;
}

function respond(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body), ...headers });
  response.end(body);
}
