import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { TLSSocket } from "node:tls";

const LIMIT_MS = 5_000;
/** What is read of an answer. */
const MOST_TEXT = 16 * 1024;

/** An answer to a client that connects anew and follows no redirect. GitHub is such a client. */
export interface Exchange {
  /** 100 where the server asks for the body that was announced. */
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The certificate; null without TLS. */
  certificate: Certificate | null;
}

interface Certificate {
  /** Why clients refuse it; null where they do not. */
  problem: string | null;
  /** When it expires (ms since 1970). */
  expires: number;
}

/**
 * Asks once, over a connection of its own. With `announce` it announces a body of so many bytes, and never sends it.
 * `slowMs` is the time that the answer is asked to take.
 * @throws {Error} with a `code` when there is no answer.
 */
export function exchange(
  url: string,
  { announce, slowMs = 0 }: { announce?: number; slowMs?: number } = {},
): Promise<Exchange> {
  const limitMs = LIMIT_MS + slowMs;
  return new Promise((resolve, reject) => {
    const send = url.startsWith("https:") ? httpsRequest : httpRequest;
    const request = send(url, {
      agent: false,
      // A certificate that is refused is looked at as well.
      rejectUnauthorized: false,
      timeout: limitMs,
      ...(announce === undefined
        ? {}
        : {
            method: "POST",
            headers: {
              "content-type": "application/json",
              "content-length": announce,
              expect: "100-continue",
            },
          }),
    });
    const limit = setTimeout(() => request.destroy(timedOut(limitMs)), limitMs);
    const end = (act: () => void) => {
      clearTimeout(limit);
      act();
      request.destroy();
    };
    let certificate: Certificate | null = null;
    request.once("socket", (socket) => {
      socket.once("secureConnect", () => {
        certificate = certificateOf(socket as TLSSocket);
      });
    });
    request.once("continue", () => end(() => resolve({ status: 100, headers: {}, text: "", certificate })));
    request.once("response", async (answer) => {
      const text = await textOf(answer);
      end(() => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, certificate }));
    });
    request.on("timeout", () => request.destroy(timedOut(limitMs)));
    request.on("error", (error) => end(() => reject(error)));
    if (announce === undefined) request.end();
    else request.flushHeaders();
  });
}

function timedOut(limitMs: number): Error {
  return Object.assign(new Error(`no answer within ${limitMs / 1_000} s`), { code: "ETIMEDOUT" });
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = "";
  try {
    for await (const chunk of answer) {
      text += chunk;
      if (text.length > MOST_TEXT) break;
    }
  } catch {
    // The status says enough.
  }
  return text;
}

function certificateOf(socket: TLSSocket): Certificate {
  const problem = socket.authorized ? null : String(socket.authorizationError ?? "it is not trusted");
  return { problem, expires: Date.parse(socket.getPeerCertificate().valid_to) };
}
