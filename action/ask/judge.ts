import { DEPLOYMENTS_PATH } from "../../shared/deployment-request.ts";
import { INSTANCE_HEADER, isByInstance } from "../../shared/instance-header.ts";
import { parseRetryAfter } from "../../shared/retry-after.ts";
import type { HttpReply } from "../http.ts";
import { type KnownDeployment, readAnswer } from "./answer.ts";
import { classifyStatus } from "./classify.ts";
import {
  remedyForForeignAnswer,
  remedyForNoAnswer,
  remedyForProblem,
  remedyForRedirect,
  remedyForStatus,
} from "./remedy-for.ts";
import type { ActionRequest } from "./request.ts";

/**
 * A reply without a deployment. `cause` and `remedy` are the Action's own words; `detail` is foreign text.
 */
export interface Refusal {
  kind: "transient" | "permanent";
  status: number | null;
  cause: string;
  remedy: string;
  detail: string | null;
  /** How long the endpoint asked to wait before the next request, in milliseconds. */
  retryAfterMs: number | null;
  /** Whether the request may have been carried out although no usable answer came. */
  mayHaveArrived: boolean;
  /** By how much the endpoint's clock is ahead of this machine's, in milliseconds; missing when unknown. */
  skewMs?: number;
  /**
   * True: an instance answered. False: something in front of it, or of GitHub, answered. Missing: unknown.
   */
  byTheApp?: boolean;
}

/** The meaning of a reply: this step's deployment, or a refusal. */
export type Judgement = Told | Refusal;

/** This step's deployment, as a route reported it. */
export interface Told {
  kind: "deployment";
  status: number;
  deployment: KnownDeployment;
  skewMs?: number;
}

/** Judges a reply to a request for the deployment that `request` describes, or to a read of it. */
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

  if (!isByInstance(reply.headers)) return judgeForeignAnswer(reply);
  return { ...judgeAnswer(reply), ...clockSkew(reply.headers.date, now) };

  /**
   * Something other than an instance answered. That says nothing about the request, which may succeed later.
   */
  function judgeForeignAnswer({ status, headers, body }: Answer): Judgement {
    if (classifyStatus(status) === "redirect") return judgeRedirect(status, headers.location);
    return refusal("transient", status, foreignCause(status), remedyForForeignAnswer(status), {
      detail: problemText(body),
      // Only a rate limit knows a time; a proxy cannot know when the instance will be back.
      retryAfterMs: status === 429 ? parseRetryAfter(headers["retry-after"], now) : null,
      mayHaveArrived: mayHaveArrived(status),
      byTheApp: false,
    });
  }

  function judgeRedirect(status: number, location: string | undefined): Refusal {
    const target = redirectTarget(location, endpointUrl);
    const cause = target === null ? "it redirects" : `it redirects to ${target}`;
    return refusal("permanent", status, cause, remedyForRedirect(target), {});
  }

  function judgeAnswer({ status, headers, body }: Answer): Judgement {
    switch (classifyStatus(status)) {
      case "answered": {
        const read = readAnswer(body, request, expectedId);
        if (read.kind === "deployment") return { kind: "deployment", status, deployment: read.deployment };
        const remedy =
          "Use the same release of the Action and of the App, and check what changes answers on their way.";
        return refusal("transient", status, read.problem, remedy, {
          detail: body,
          mayHaveArrived: true,
          byTheApp: true,
        });
      }
      case "redirect":
        return judgeRedirect(status, headers.location);
      case "permanent":
        return refusal(
          "permanent",
          status,
          `refused with ${status}`,
          remedyForProblem(problemType(body), request, credentialKind) ??
            remedyForStatus(status, request, credentialKind),
          { detail: problemText(body), byTheApp: true },
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
            mayHaveArrived: mayHaveArrived(status),
            byTheApp: true,
          },
        );
    }
  }
}

type Answer = Extract<HttpReply, { kind: "answer" }>;

/** Whether the request may have been carried out, although an answer with this status does not say so. */
function mayHaveArrived(status: number): boolean {
  return classifyStatus(status) === "answered" || (status >= 500 && status !== 503);
}

/**
 * Statuses of a proxy whose instance is down, and of one whose instance is silent; those above 520 are
 * Cloudflare's.
 */
const DOWN = [502, 503, 521, 523];
const SILENT = [504, 522, 524];

function foreignCause(status: number): string {
  if (DOWN.includes(status)) return `the proxy answers ${status}: the instance behind it is down`;
  if (SILENT.includes(status)) return `the proxy answers ${status}: the instance behind it does not answer`;
  return `answered ${status}, but not by an instance: without the header ${INSTANCE_HEADER}`;
}

/** The header has whole seconds; half a second of them has passed on average. */
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

/** The target of a redirect, as the endpoint URL to set instead, without query; null when it is unusable. */
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

/** The type of a problem document (RFC 9457); null when the body is none. */
function problemType(body: string): string | null {
  try {
    const { type } = JSON.parse(body) as Record<string, unknown>;
    return typeof type === "string" ? type : null;
  } catch {
    return null;
  }
}
