import type { Agent, ClientRequest, IncomingHttpHeaders } from "node:http";
import { HttpClient } from "@actions/http-client";
import type { RequestHandler } from "@actions/http-client/lib/interfaces";
import { formatDuration } from "../shared/format-duration.ts";
import { networkCause, networkCode } from "./network-cause.ts";

/** The largest answer that is read, in bytes; a deployment with a long log tail is far smaller. */
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

/** A complete answer, or none with a code and the cause in the Action's own words. */
export type HttpReply =
  | { kind: "answer"; status: number; headers: IncomingHttpHeaders; body: string }
  | {
      kind: "none";
      code: string;
      cause: string;
      /** Whether the whole request was sent, so that it may have been carried out anyway. */
      sent: boolean;
      /** Foreign text that came instead, if any. */
      detail?: string;
    };

/** The answer was not complete in time. */
export const TIMED_OUT = "TWINHOOK_TIMED_OUT";
/** The request was not sent in time: no connection, or no TLS on it. */
export const NOT_CONNECTED = "TWINHOOK_NOT_CONNECTED";
/** The request was not made, because there were no credentials for it. */
export const NO_TOKEN = "TWINHOOK_NO_TOKEN";
/** The answer is longer than any answer of an instance. */
export const TOO_LONG = "TWINHOOK_TOO_LONG";

/**
 * Makes one request, once, without redirects or retries. When the limit passes or the signal fires, the
 * socket is destroyed, whatever its state.
 * The client's own time limit measures idleness only. Its way of reading the body never settles when the
 * connection is cut. So this function does both itself.
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
 * Passes the signal to Node's request, which destroys its socket when the signal fires. Calls `onSent` when
 * the operating system has the whole request. The client shows its requests only to their agent.
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
