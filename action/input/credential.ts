import { signDelivery } from "../../shared/delivery-signature.ts";
import { sendOnce } from "../http.ts";

/** The Action's credential: the target's secret, or the job's own OIDC tokens for this audience. */
export type Credential = { kind: "secret"; secret: string } | { kind: "oidc"; audience: string };

/** GitHub gave no OIDC token. The message is the Action's own; `detail` is foreign text. */
export class NoToken extends Error {
  override readonly name = "NoToken";
  readonly detail: string | null;
  constructor(reason: string, detail: string | null) {
    super(`GitHub gave no OIDC token: ${reason}`);
    this.detail = detail;
  }
}

/** How long GitHub's token service may take. All routes need the token, so giving up early gains nothing. */
const TOKEN_LIMIT_MS = 10_000;

/** Makes the headers that prove the sender of this body (the empty string for a GET). */
export type Prove = (body: string) => Promise<Record<string, string>>;

export interface TokenOptions {
  /** The runner's variables with the URL and the key of its token service. */
  env: Readonly<Record<string, string | undefined>>;
  /** Called with each token before its first use, so that nothing prints it. */
  onToken: (token: string) => void;
  signal: AbortSignal;
}

/**
 * Makes a function that makes new headers for each request: a signature holds the time, and a token lives for
 * 5 minutes. The returned function throws {@link NoToken}, or the signal's reason.
 */
export function createProver(credential: Credential, options: TokenOptions): Prove {
  if (credential.kind === "secret") return async (body) => signDelivery(credential.secret, body);
  return () => proveByToken(credential.audience, options);
}

/**
 * The header with a new token for this audience. It does not use the runner's toolkit, which may repeat a
 * request ten times, for longer than the limit. Then the token service's answer would be lost.
 * @throws {NoToken} or the signal's reason.
 */
export async function proveByToken(
  audience: string,
  { env, onToken, signal }: TokenOptions,
): Promise<Record<string, string>> {
  const url = new URL(env.ACTIONS_ID_TOKEN_REQUEST_URL ?? "");
  url.searchParams.set("audience", audience);
  const reply = await sendOnce({
    method: "GET",
    url: url.href,
    headers: {
      accept: "application/json",
      authorization: `Bearer ${env.ACTIONS_ID_TOKEN_REQUEST_TOKEN ?? ""}`,
    },
    body: "",
    limitMs: TOKEN_LIMIT_MS,
    signal,
  });
  if (reply.kind === "none") throw new NoToken(reply.cause, null);
  const { status, body } = reply;
  if (status !== 200) throw new NoToken(`its token service answered ${status}`, body);
  const token = tokenIn(body);
  if (token === null) throw new NoToken("its token service answered without one", null);
  onToken(token);
  return { authorization: `Bearer ${token}` };
}

function tokenIn(body: string): string | null {
  try {
    const { value } = JSON.parse(body) as { value?: unknown };
    return typeof value === "string" && value !== "" ? value : null;
  } catch {
    return null;
  }
}
