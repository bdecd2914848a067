import { DEPLOYMENTS_PATH } from "../shared/deployment-request.ts";
import { type KnownDeployment, readAnswer } from "./answer.ts";
import { classifyStatus } from "./classify.ts";
import type { HttpReply } from "./http.ts";
import { remedyForNoAnswer, remedyForRedirect, remedyForStatus } from "./remedy-for.ts";
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
  /** By how much the endpoint's clock is ahead of this machine's, in milliseconds; missing when it does not tell. */
  skewMs?: number;
  /** Whether it is certainly an instance that refused, and not something in front of it. */
  byTheApp?: boolean;
}

/** What a reply is worth: our deployment, or a refusal. */
export type Judgement = Told | Refusal;

/** Our deployment, as a route told it. */
export interface Told {
  kind: "deployment";
  status: number;
  deployment: KnownDeployment;
  skewMs?: number;
}

/** Judges a reply to a request for, or about, the deployment that `request` describes. */
export function judgeReply(
  reply: HttpReply,
  request: ActionRequest,
  {
    expectedId,
    endpointUrl,
    now,
    credentialKind,
  }: { expectedId?: string; endpointUrl: string; now: number; credentialKind: "secret" | "oidc" },
): Judgement {
  if (reply.kind === "none")
    return refusal("transient", null, reply.cause, remedyForNoAnswer(reply.code), {
      detail: reply.detail ?? null,
      mayHaveArrived: reply.sent,
    });

  return { ...judgeAnswer(reply), ...clockSkew(reply.headers.date, now) };

  function judgeAnswer({ status, headers, body }: Extract<HttpReply, { kind: "answer" }>): Judgement {
    switch (classifyStatus(status)) {
      case "answered": {
        const read = readAnswer(body, request, expectedId);
        if (read.kind === "deployment") return { kind: "deployment", status, deployment: read.deployment };
        const remedy = "Check that the endpoint's URL leads to Twinhook.";
        return refusal("transient", status, read.problem, remedy, { detail: body, mayHaveArrived: true });
      }
      case "redirect": {
        const target = redirectTarget(headers.location, endpointUrl);
        const cause = target === null ? "it redirects" : `it redirects to ${target}`;
        return refusal("permanent", status, cause, remedyForRedirect(target), {});
      }
      case "permanent":
        return refusal(
          "permanent",
          status,
          `refused with ${status}`,
          remedyForStatus(status, request, credentialKind),
          {
            detail: problemText(body),
            byTheApp: /^application\/problem\+json\b/i.test(headers["content-type"] ?? ""),
          },
        );
      case "transient":
        return refusal(
          "transient",
          status,
          `answered ${status}`,
          remedyForStatus(status, request, credentialKind),
          {
            detail: problemText(body),
            retryAfterMs: parseRetryAfter(headers["retry-after"], now),
            mayHaveArrived: status >= 500 && status !== 503,
          },
        );
    }
  }
}

/** The header tells whole seconds, of which half a second has passed on average. */
function clockSkew(date: string | undefined, now: number): { skewMs?: number } {
  const at = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(at) ? {} : { skewMs: at + 500 - now };
}

function refusal(
  kind: Refusal["kind"],
  status: number | null,
  cause: string,
  remedy: string,
  rest: Partial<Pick<Refusal, "detail" | "retryAfterMs" | "mayHaveArrived" | "byTheApp">>,
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
