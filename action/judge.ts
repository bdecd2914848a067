import { DEPLOYMENTS_PATH } from "../shared/deployment-request.ts";
import { type KnownDeployment, readAnswer } from "./answer.ts";
import { classifyStatus } from "./classify.ts";
import type { HttpReply } from "./http.ts";
import { mayHaveBeenSent } from "./network-cause.ts";
import { remedyForNoAnswer, remedyForRedirect, remedyForStatus } from "./remedy.ts";
import type { ActionRequest } from "./request.ts";
import { parseRetryAfter } from "./retry-after.ts";

/** A reply that brought no deployment. `cause` and `remedy` are our own words, `detail` is foreign text. */
export interface Refusal {
  kind: "transient" | "permanent";
  status: number | null;
  cause: string;
  remedy: string;
  detail: string | null;
  /** How long the endpoint asked to be left alone, in milliseconds. */
  retryAfterMs: number | null;
  /** Whether the request may have been carried out although no usable answer came. */
  mayHaveArrived: boolean;
}

/** What a reply is worth: our deployment, or a refusal. */
export type Judgement = { kind: "deployment"; status: number; deployment: KnownDeployment } | Refusal;

/** Judges a reply to a request for, or about, the deployment that `request` describes. */
export function judgeReply(
  reply: HttpReply,
  request: ActionRequest,
  { expectedId, endpointUrl, now }: { expectedId?: string; endpointUrl: string; now: number },
): Judgement {
  if (reply.kind === "none")
    return refusal("transient", null, reply.cause, remedyForNoAnswer(reply.code), {
      mayHaveArrived: mayHaveBeenSent(reply.code),
    });

  const { status, headers, body } = reply;
  switch (classifyStatus(status)) {
    case "answered": {
      const read = readAnswer(body, request, expectedId);
      if (read.kind === "deployment") return { kind: "deployment", status, deployment: read.deployment };
      return refusal("transient", status, read.problem, "Check that the endpoint's URL leads to Twinhook.", {
        detail: body,
        mayHaveArrived: true,
      });
    }
    case "redirect": {
      const target = redirectTarget(headers.location, endpointUrl);
      const cause = target === null ? "it redirects" : `it redirects to ${target}`;
      return refusal("permanent", status, cause, remedyForRedirect(target), {});
    }
    case "permanent":
      return refusal("permanent", status, `refused with ${status}`, remedyForStatus(status, request), {
        detail: problemText(body),
      });
    case "transient":
      return refusal("transient", status, `answered ${status}`, remedyForStatus(status, request), {
        detail: problemText(body),
        retryAfterMs: parseRetryAfter(headers["retry-after"], now),
        mayHaveArrived: status >= 500 && status !== 503,
      });
  }
}

function refusal(
  kind: Refusal["kind"],
  status: number | null,
  cause: string,
  remedy: string,
  rest: Partial<Pick<Refusal, "detail" | "retryAfterMs" | "mayHaveArrived">>,
): Refusal {
  return { kind, status, cause, remedy, detail: null, retryAfterMs: null, mayHaveArrived: false, ...rest };
}

/** Where a redirect leads, as the endpoint URL to set instead; without query, and null when it is not usable. */
function redirectTarget(location: string | undefined, endpointUrl: string): string | null {
  if (!location || !URL.canParse(location, `${endpointUrl}${DEPLOYMENTS_PATH}`)) return null;
  const { protocol, origin, pathname } = new URL(location, `${endpointUrl}${DEPLOYMENTS_PATH}`);
  if (protocol !== "https:" && protocol !== "http:") return null;
  const path = pathname.replace(/\/api\/deployments(\/.*)?$/, "").replace(/\/+$/, "");
  return `${origin}${path}`.slice(0, 200);
}

/** The sentence of a problem document (RFC 9457), or the whole body when it is none. */
function problemText(body: string): string | null {
  try {
    const { title, detail } = JSON.parse(body) as Record<string, unknown>;
    const words = [title, detail].filter((part) => typeof part === "string" && part !== "");
    if (words.length > 0) return words.join(": ");
  } catch {
    // Not JSON: show it as it is.
  }
  return body.trim() === "" ? null : body;
}
