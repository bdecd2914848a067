import type { IncomingHttpHeaders } from "node:http";
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
  | { kind: "none"; code: string; cause: string };

/** The code of a reply that was not complete in time. */
export const TIMED_OUT = "TWINHOOK_TIMED_OUT";
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
  const client = new HttpClient("twinhook-action", [abortedBy(limit.signal)], {
    allowRedirects: false,
    allowRetries: false,
    keepAlive: false,
    socketTimeout: call.limitMs + 60_000,
  });
  try {
    const { message } = await client.request(
      call.method,
      call.url,
      call.method === "GET" ? null : call.body,
      call.headers,
    );
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of message) {
      bytes += (chunk as Buffer).length;
      if (bytes > MAX_ANSWER_BYTES)
        return { kind: "none", code: TOO_LONG, cause: `the answer is longer than ${MAX_ANSWER_BYTES} bytes` };
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
    if (limit.signal.aborted)
      return {
        kind: "none",
        code: TIMED_OUT,
        cause: `no complete answer within ${formatDuration(call.limitMs)}`,
      };
    const code = networkCode(error);
    return { kind: "none", code, cause: networkCause(code) };
  } finally {
    clearTimeout(timer);
    call.signal.removeEventListener("abort", onAbort);
    client.dispose();
  }
}

/** Hands the signal to node's request, which destroys its socket when the signal fires. */
function abortedBy(signal: AbortSignal): RequestHandler {
  return {
    prepareRequest: (options) => {
      options.signal = signal;
    },
    canHandleAuthentication: () => false,
    handleAuthentication: () => Promise.reject(new Error("no authentication is offered here")),
  };
}
