import { setTimeout as sleep } from "node:timers/promises";
import { signDelivery } from "../shared/delivery-signature.ts";

/** What proves who asks: the target's secret, or the job's own OIDC tokens for this audience. */
export type Credential = { kind: "secret"; secret: string } | { kind: "oidc"; audience: string };

/** GitHub gave no OIDC token. The message may hold foreign text. */
export class NoToken extends Error {
  override readonly name = "NoToken";
}

/** How long GitHub's token service may take; it serves all routes, so that giving up early gains nothing. */
const TOKEN_LIMIT_MS = 10_000;

/** Makes the headers that prove who sends this body (the empty string for a GET). */
export type Prove = (body: string) => Promise<Record<string, string>>;

export interface TokenOptions {
  /** Asks the runner for a token, `core.getIDToken`. */
  getToken: (audience: string) => Promise<string>;
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
 * The header with a fresh token for this audience.
 * @throws {NoToken} or the signal's reason.
 */
export async function proveByToken(
  audience: string,
  { getToken, onToken, signal }: TokenOptions,
): Promise<Record<string, string>> {
  const limit = new AbortController();
  try {
    const token = await Promise.race([
      getToken(audience),
      sleep(TOKEN_LIMIT_MS, undefined, { signal: AbortSignal.any([signal, limit.signal]) }).then(() => {
        throw new Error(`no answer within ${TOKEN_LIMIT_MS / 1_000} s`);
      }),
    ]);
    onToken(token);
    return { authorization: `Bearer ${token}` };
  } catch (error) {
    signal.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    // The toolkit wraps its errors twice, and says "undefined" where it knows no status.
    throw new NoToken(message.split("Error Message: ").at(-1), { cause: error });
  } finally {
    limit.abort();
  }
}
