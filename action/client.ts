import { signDelivery } from "../shared/delivery-signature.ts";
import type { WaitFor } from "../shared/deployment.ts";
import { DEPLOYMENTS_PATH } from "../shared/deployment-request.ts";
import type { Endpoint } from "./endpoints.ts";
import { type HttpReply, sendOnce } from "./http.ts";
import type { ActionRequest } from "./request.ts";

/** The two calls that the Action makes to an endpoint. */
export interface Client {
  /** Asks for the deployment. */
  request(endpoint: Endpoint, request: ActionRequest): Promise<HttpReply>;
  /** Reads the deployment back, waiting up to `waitSeconds` for its next change of state. */
  read(
    endpoint: Endpoint,
    id: string,
    options: { waitSeconds: number; waitFor: WaitFor },
  ): Promise<HttpReply>;
}

/** A client that signs with `secret` and ends every call when `signal` fires. */
export function createClient({
  secret,
  requestTimeoutMs,
  signal,
  redact,
}: {
  secret: string;
  requestTimeoutMs: number;
  signal: AbortSignal;
  /** Takes the secret out of what comes back. */
  redact: (text: string) => string;
}): Client {
  const call = async (method: "GET" | "POST", url: string, body: string, limitMs: number) => {
    const reply = await sendOnce({
      method,
      url,
      body,
      limitMs,
      signal,
      headers: {
        accept: "application/json, application/problem+json",
        ...(method === "POST" && { "content-type": "application/json" }),
        // Signed anew for each call: the signature carries the time.
        ...signDelivery(secret, body),
      },
    });
    return reply.kind === "answer" ? { ...reply, body: redact(reply.body) } : reply;
  };
  return {
    request: (endpoint, request) =>
      call("POST", endpoint.url + DEPLOYMENTS_PATH, JSON.stringify(request), requestTimeoutMs),
    read: (endpoint, id, { waitSeconds, waitFor }) =>
      call(
        "GET",
        `${endpoint.url}${DEPLOYMENTS_PATH}/${encodeURIComponent(id)}?wait=${waitSeconds}&for=${waitFor}`,
        "",
        requestTimeoutMs + waitSeconds * 1_000,
      ),
  };
}
