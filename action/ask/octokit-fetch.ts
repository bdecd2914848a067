import { type HttpReply, sendOnce } from "../http.ts";

/** A call to GitHub got no answer; `reply` says why. */
export class NoReply extends Error {
  override readonly name = "NoReply";
  readonly reply: Extract<HttpReply, { kind: "none" }>;
  constructor(reply: Extract<HttpReply, { kind: "none" }>) {
    super(reply.cause);
    this.reply = reply;
  }
}

/**
 * A `fetch` for Octokit that works like all other requests of the Action. It uses the runner's proxies and a
 * wall-clock limit, and follows no redirect. Node's own `fetch` needs undici's agent for a proxy.
 * It throws {@link NoReply}, or the signal's reason.
 */
export function octokitFetch({ limitMs, signal }: { limitMs: number; signal: AbortSignal }) {
  return async (
    url: string,
    { method, headers, body }: { method: string; headers: Record<string, string>; body?: string },
  ): Promise<Response> => {
    const reply = await sendOnce({
      method: method as "GET" | "POST",
      url,
      headers,
      body: body ?? "",
      limitMs,
      signal,
    });
    if (reply.kind === "none") throw new NoReply(reply);
    const { status } = reply;
    if (status < 200 || status > 599)
      throw new NoReply({ kind: "none", code: "UNKNOWN", cause: `answered ${status}`, sent: true });
    const empty = [204, 205, 304].includes(status);
    return new Response(empty ? null : reply.body, { status, headers: flat(reply.headers) });
  };
}

function flat(headers: Record<string, string | string[] | undefined>): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : value === undefined ? [] : [value]).map((one): [string, string] => [
      name,
      one,
    ]),
  );
}
