import http from "node:http";
import https from "node:https";

/** The result of one HTTP request of a delivery, in the words and codes of GitHub's log. */
export interface DeliveryOutcome {
  status: string;
  status_code: number;
  headers: Record<string, string>;
  payload: string | null;
}

const MAX_KEPT_ANSWER = 64 * 1024;

/**
 * Sends one delivery: one POST, without redirects or retries, and with at most `limitMs` for the whole
 * answer. Never rejects. Unreachable is 502, too late 504, a failed TLS handshake 0.
 */
export function sendDelivery(
  url: string,
  headers: Record<string, string>,
  body: string,
  { limitMs, insecureTls, signal }: { limitMs: number; insecureTls: boolean; signal: AbortSignal },
): Promise<DeliveryOutcome> {
  return new Promise((resolve) => {
    const end = (status: string, status_code: number, rest?: Partial<DeliveryOutcome>) => {
      clearTimeout(timer);
      resolve({ status, status_code, headers: {}, payload: null, ...rest });
      request.destroy();
    };
    const { request: start } = url.startsWith("https:") ? https : http;
    const request = start(url, {
      method: "POST",
      headers: { ...headers, "Content-Length": String(Buffer.byteLength(body)) },
      agent: false,
      signal,
      rejectUnauthorized: !insecureTls,
    });
    const timer = setTimeout(() => end("timed out", 504), limitMs);
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", () => end("failed to connect to host", 502));
      response.on("end", () => {
        const code = response.statusCode ?? 0;
        end(code >= 200 && code < 300 ? "OK" : `Invalid HTTP Response: ${code}`, code, {
          headers: Object.fromEntries(
            Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
          ),
          payload: Buffer.concat(chunks).toString("utf8", 0, MAX_KEPT_ANSWER),
        });
      });
    });
    request.on("error", (error: NodeJS.ErrnoException) => {
      const tls = /^(EPROTO|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|CERT_)/.test(error.code ?? "");
      if (tls) end("SSL certificate problem", 0);
      else end("failed to connect to host", 502);
    });
    request.end(body);
  });
}
