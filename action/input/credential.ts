import { signDelivery } from "../../shared/delivery-signature.ts";
import { sendOnce } from "../http.ts";

/** What proves who asks: the target's secret, or the job's own OIDC tokens for this audience. */
export type Credential = { kind: "secret"; secret: string } | { kind: "oidc"; audience: string };

/** GitHub gave no OIDC token. The message is in our own words, `detail` is foreign text. */
export class NoToken extends Error {
  override readonly name = "NoToken";
  readonly detail: string | null;
  constructor(reason: string, detail: string | null) {
    super(`GitHub gave no OIDC token: ${reason}`);
    this.detail = detail;
  }
}

/** How long GitHub's token service may take; it serves all routes, so that giving up early gains nothing. */
const TOKEN_LIMIT_MS = 10_000;

/** Makes the headers that prove who sends this body (the empty string for a GET). */
export type Prove = (body: string) => Promise<Record<string, string>>;

export interface TokenOptions {
  /** The runner's variables, which say where a job asks for its tokens, and by what. */
  env: Readonly<Record<string, string | undefined>>;
  /** Told of each token before it is used, so that nothing prints it. */
  onToken: (token: string) => void;
  signal: AbortSignal;
}

/**
 * Proofs are made anew for each request: a signature carries the time, and a token lives for 5 minutes only.
 * The returned function throws {@link NoToken}, or the signal's reason.
 */
export function createProver(credential: Credential, options: TokenOptions): Prove {
  if (credential.kind === "secret") return async (body) => signDelivery(credential.secret, body);
  return () => proveByToken(credential.audience, options);
}

/**
 * The header with a fresh token for this audience. The runner's toolkit would repeat a request up to ten times on its
 * own, for longer than the limit: what the token service answers would never be told.
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
