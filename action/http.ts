import type { Agent, ClientRequest, IncomingHttpHeaders } from "node:http";
import { HttpClient } from "@actions/http-client";
import type { RequestHandler } from "@actions/http-client/lib/interfaces";
import { formatDuration } from "../shared/format-duration.ts";
import { networkCause, networkCode } from "./network-cause.ts";

/** The largest answer that is read, in bytes; a deployment with a long log tail stays far below. */
const MAX_ANSWER_BYTES = 1024 * 1024;

export interface HttpCall {
  method: "GET" | "POST";
  url: string;
  headers: Record<string, string>;
  body: string;
  /** Wall-clock limit from the first look-up to the last byte. */
  limitMs: number;
  /** Ends the call from outside. */
  signal: AbortSignal;
}

/** What came back: a complete answer, or none, with a code and the cause in our own words. */
export type HttpReply =
  | { kind: "answer"; status: number; headers: IncomingHttpHeaders; body: string }
  | {
      kind: "none";
      code: string;
      cause: string;
      /** Whether the whole request had left, so that it may have been carried out all the same. */
      sent: boolean;
      /** Foreign text that came instead, if any. */
      detail?: string;
    };

/** The code of a reply that was not complete in time. */
export const TIMED_OUT = "TWINHOOK_TIMED_OUT";
/** The code of a request that did not even leave in time: no connection, or no TLS on it. */
export const NOT_CONNECTED = "TWINHOOK_NOT_CONNECTED";
/** The code of a request that was not made, because nothing could prove who asks. */
export const NO_TOKEN = "TWINHOOK_NO_TOKEN";
/** The code of a reply that is longer than anything an instance sends. */
export const TOO_LONG = "TWINHOOK_TOO_LONG";

/**
 * Makes one request, once: no redirect is followed and nothing is repeated. When the limit passes or the signal
 * fires, the socket is destroyed, whatever state it is in.
 *
 * The client's own time limit measures idleness only, and its way of reading the body never settles when the
 * connection is cut; both are therefore done here.
 *
 * @throws the signal's reason, and nothing else.
 */
export async function sendOnce(call: HttpCall): Promise<HttpReply> {
  call.signal.throwIfAborted();
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), call.limitMs);
  const onAbort = () => limit.abort();
  call.signal.addEventListener("abort", onAbort, { once: true });
  let sent = false;
  const client = new HttpClient(
    "twinhook-action",
    [
      watched(limit.signal, () => {
        sent = true;
      }),
    ],
    { allowRedirects: false, allowRetries: false, keepAlive: false, socketTimeout: call.limitMs + 60_000 },
  );
  const none = (code: string, cause: string): HttpReply => ({ kind: "none", code, cause, sent });
  try {
    const { message } = await Promise.race([
      client.request(call.method, call.url, call.method === "GET" ? null : call.body, call.headers),
      // A request that waits for its proxy does not notice that it was destroyed.
      rejectedBy(limit.signal),
    ]);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of message) {
      bytes += (chunk as Buffer).length;
      if (bytes > MAX_ANSWER_BYTES)
        return none(TOO_LONG, `the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
      chunks.push(chunk as Buffer);
    }
    return {
      kind: "answer",
      status: message.statusCode ?? 0,
      headers: message.headers,
      body: Buffer.concat(chunks).toString("utf8"),
    };
  } catch (error) {
    call.signal.throwIfAborted();
    const within = formatDuration(call.limitMs);
    if (limit.signal.aborted)
      return sent
        ? none(TIMED_OUT, `no complete answer within ${within}`)
        : none(NOT_CONNECTED, `no connection within ${within}, so that nothing was sent`);
    const code = networkCode(error);
    return none(code, networkCause(code));
  } finally {
    clearTimeout(timer);
    call.signal.removeEventListener("abort", onAbort);
    client.dispose();
  }
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/**
 * Hands the signal to node's request, which destroys its socket when the signal fires, and tells when the whole
 * request has been handed to the operating system. The client shows its requests to no one but their agent.
 */
function watched(signal: AbortSignal, onSent: () => void): RequestHandler {
  return {
    prepareRequest: (options) => {
      options.signal = signal;
      const agent = options.agent as Agent & { addRequest(request: ClientRequest, ...rest: unknown[]): void };
      options.agent = Object.create(agent, {
        addRequest: {
          value: (request: ClientRequest, ...rest: unknown[]) => {
            request.once("finish", onSent);
            agent.addRequest(request, ...rest);
          },
        },
      });
    },
    canHandleAuthentication: () => false,
    handleAuthentication: () => Promise.reject(new Error("no authentication is offered here")),
  };
}
