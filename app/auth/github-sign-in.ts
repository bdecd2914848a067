import { createHash, randomBytes } from "node:crypto";
import { z } from "zod";
import type { Clock } from "../clock.ts";
import { Refusal } from "./refusal.ts";
import { returnPath } from "./return-path.ts";
import { sameText } from "./same-text.ts";
import type { Identity } from "./sessions.ts";
import { readSignedText, signText } from "./signed-text.ts";

export const CALLBACK_PATH = "/sign-in/github/callback";
/** How long a person may take at GitHub. */
export const FLOW_LIFE_MS = 10 * 60_000;
const TYPE = "twinhook-sign-in";
/** A person waits for the page. */
const CALL_LIMIT_MS = 8_000;

export interface GitHubSignInOptions {
  key: Buffer;
  clock: Clock;
  clientId: string;
  clientSecret: string;
  /** `https://github.com` and `https://api.github.com`, or the URLs of a GitHub Enterprise Server. */
  githubUrl: string;
  githubApiUrl: string;
}

/** The values that the browser keeps while the person is at GitHub. */
const flowSchema = z.object({ state: z.string(), verifier: z.string(), returnTo: z.string() });
const tokenSchema = z.object({ access_token: z.string() });
const userSchema = z.object({ id: z.number().int(), login: z.string() });

/**
 * Signs people in by the App's OAuth. GitHub's token serves only to ask for the person's name. The token is
 * then revoked and never stored; the App reads the rights itself.
 * @see
 * https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app
 */
export class GitHubSignIn {
  #o: GitHubSignInOptions;

  constructor(options: GitHubSignInOptions) {
    this.#o = options;
  }

  /**
   * Begins a sign-in: returns the URL at GitHub, and the text that the browser keeps. `base` is the URL of
   * this request.
   */
  async begin(base: string, wanted: string | undefined): Promise<{ location: string; flow: string }> {
    const { key, clock, clientId, githubUrl } = this.#o;
    const [state, verifier] = [randomBytes(24).toString("base64url"), randomBytes(32).toString("base64url")];
    const location = new URL(`${githubUrl}/login/oauth/authorize`);
    for (const [name, value] of Object.entries({
      client_id: clientId,
      redirect_uri: base + CALLBACK_PATH,
      state,
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256",
    }))
      location.searchParams.set(name, value);
    const flow = { state, verifier, returnTo: returnPath(wanted) };
    return { location: location.href, flow: await signText(key, TYPE, flow, clock.now() + FLOW_LIFE_MS) };
  }

  /**
   * Finishes a sign-in: returns the person and the wanted page. Calls `admit` before it asks GitHub; `admit`
   * may throw.
   * @throws {Refusal} forbidden when another browser began the sign-in, or GitHub refused it; 502 when GitHub
   * is unreachable.
   */
  async finish(
    base: string,
    { code, state, error, flow }: Record<"code" | "state" | "error" | "flow", string | undefined>,
    admit: () => Promise<void>,
  ): Promise<{ identity: Identity & { kind: "person" }; returnTo: string }> {
    const { key, clock } = this.#o;
    const begun = flowSchema.safeParse(flow && (await readSignedText(key, TYPE, flow, clock))).data;
    if (!begun || state === undefined || !sameText(state, begun.state))
      throw new Refusal(
        "forbidden",
        "this sign-in began in another browser, or too long ago; begin it again",
      );
    if (error !== undefined || code === undefined)
      throw new Refusal(
        "forbidden",
        "GitHub did not sign you in: it was cancelled there, or the App refused; try again",
      );
    await admit();
    const token = await this.#exchange(base, code, begun.verifier);
    const { id, login } = await this.#whoIs(token);
    await this.#giveBack(token);
    return { identity: { kind: "person", id, login }, returnTo: begun.returnTo };
  }

  async #exchange(base: string, code: string, verifier: string): Promise<string> {
    const { githubUrl, clientId, clientSecret } = this.#o;
    const body = {
      client_id: clientId,
      client_secret: clientSecret,
      code,
      redirect_uri: base + CALLBACK_PATH,
      code_verifier: verifier,
    };
    const answer = await call(`${githubUrl}/login/oauth/access_token`, "POST", {}, body);
    const token = tokenSchema.safeParse(answer).data?.access_token;
    if (token !== undefined) return token;
    // GitHub answers 200 even when it refuses.
    const why = (answer as { error?: unknown } | null)?.error;
    throw why === "incorrect_client_credentials"
      ? new Refusal(
          "no_answer",
          "GitHub does not accept GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET; correct them, or sign in with the admin token",
        )
      : new Refusal("forbidden", "GitHub does not accept this sign-in (any more); begin it again");
  }

  async #whoIs(token: string): Promise<z.output<typeof userSchema>> {
    const answer = await call(`${this.#o.githubApiUrl}/user`, "GET", { authorization: `Bearer ${token}` });
    const user = userSchema.safeParse(answer).data;
    if (!user) throw unreachable("it did not say who signed in");
    return user;
  }

  /** Revokes a token that is no longer needed. If this fails, the token expires after 8 hours. */
  async #giveBack(access_token: string): Promise<void> {
    const { githubApiUrl, clientId, clientSecret } = this.#o;
    const authorization = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}`;
    const url = `${githubApiUrl}/applications/${clientId}/token`;
    await call(url, "DELETE", { authorization }, { access_token }).catch(() => {});
  }
}

async function call(
  url: string,
  method: string,
  headers: Record<string, string>,
  body?: object,
): Promise<unknown> {
  try {
    const response = await fetch(url, {
      method,
      headers: {
        accept: "application/json",
        "content-type": "application/json",
        "user-agent": "twinhook",
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
      redirect: "error",
      signal: AbortSignal.timeout(CALL_LIMIT_MS),
    });
    if (response.status >= 500) throw new Error(`status ${response.status}`);
    return await response.json().catch(() => null);
  } catch (error) {
    throw unreachable((error as Error).message, error);
  }
}

function unreachable(why: string, cause?: unknown): Refusal {
  return new Refusal(
    "no_answer",
    `GitHub cannot be asked (${why}); try again, or sign in with the admin token`,
    { cause },
  );
}
