import type { WaitFor } from "../../shared/deployment.ts";
import { DEPLOYMENTS_PATH, requestBody } from "../../shared/deployment-request.ts";
import { type HttpReply, NO_TOKEN, sendOnce } from "../http.ts";
import { NoToken, type Prove } from "../input/credential.ts";
import type { Endpoint } from "../input/endpoints.ts";
import { type Judgement, judgeReply } from "./judge.ts";
import type { ActionRequest } from "./request.ts";

/** How to read a deployment back. */
export interface ReadOptions {
  /** The accepted id; empty while no instance has given one. */
  id: string;
  /** How long to wait for the deployment's next change of state, in seconds. */
  waitSeconds: number;
  waitFor: WaitFor;
}

/** The two calls that the Action makes on a route. Both reject only with the signal's reason. */
export interface Client {
  /** Asks for the deployment. */
  request(endpoint: Endpoint): Promise<Judgement>;
  /** Reads the deployment back. */
  read(endpoint: Endpoint, options: ReadOptions): Promise<Judgement>;
}

export interface ClientOptions {
  request: ActionRequest;
  /** Makes the headers that prove the Action's identity to the endpoint. */
  prove: Prove;
  credentialKind: "secret" | "oidc";
  requestTimeoutMs: number;
  signal: AbortSignal;
  /** Replaces secrets in answers. */
  redact: (text: string) => string;
  now: () => number;
}

/** A client for endpoints, which ends every call when `signal` fires. */
export function createClient(options: ClientOptions): Client {
  const { request, signal, redact, requestTimeoutMs } = options;

  async function call(
    method: "GET" | "POST",
    endpoint: Endpoint,
    { path, body, limitMs, expectedId }: { path: string; body: string; limitMs: number; expectedId?: string },
  ): Promise<Judgement> {
    const reply = await proveAndSend(method, endpoint.url + DEPLOYMENTS_PATH + path, body, limitMs);
    return judgeReply(redacted(reply), request, {
      ...(expectedId !== undefined && { expectedId }),
      endpointUrl: endpoint.url,
      now: options.now(),
      credentialKind: options.credentialKind,
    });
  }

  async function proveAndSend(method: "GET" | "POST", url: string, body: string, limitMs: number) {
    try {
      const proof = await options.prove(body);
      const headers = {
        accept: "application/json, application/problem+json",
        ...(method === "POST" && { "content-type": "application/json" }),
        ...proof,
      };
      return await sendOnce({ method, url, body, limitMs, signal, headers });
    } catch (error) {
      if (!(error instanceof NoToken)) throw error;
      const { message: cause, detail } = error;
      return { kind: "none", code: NO_TOKEN, cause, sent: false, ...(detail && { detail }) } as const;
    }
  }

  function redacted(reply: HttpReply): HttpReply {
    if (reply.kind === "answer") return { ...reply, body: redact(reply.body) };
    return reply.detail === undefined ? reply : { ...reply, detail: redact(reply.detail) };
  }

  return {
    request: (endpoint) =>
      call("POST", endpoint, { path: "", body: requestBody(request), limitMs: requestTimeoutMs }),
    read: (endpoint, { id, waitSeconds, waitFor }) =>
      call("GET", endpoint, {
        path: `/${encodeURIComponent(id)}?wait=${waitSeconds}&for=${waitFor}`,
        body: "",
        limitMs: requestTimeoutMs + waitSeconds * 1_000,
        expectedId: id,
      }),
  };
}
