import { createHash } from "node:crypto";
import { accountObject } from "./account-object.ts";
import { GitHubError } from "./github-error.ts";
import type { Answer, Route, RouteContext } from "./router.ts";
import { stableSha } from "./stable-values.ts";

const EIGHT_HOURS_MS = 8 * 3_600_000;

/** Signs people in with GitHub through the App. The person agrees at once. */
export const signInRoutes: Route[] = [
  { method: "GET", path: "/login/oauth/authorize", auth: "none", handle: authorize },
  { method: "POST", path: "/login/oauth/access_token", auth: "none", handle: exchange },
  { method: "DELETE", path: "/applications/{client_id}/token", auth: "none", handle: revoke },
  { method: "GET", path: "/user", auth: "token", handle: whoAmI },
];

function authorize({ world, query }: RouteContext): Answer {
  const redirect = query.get("redirect_uri");
  if (query.get("client_id") !== world.app.clientId || redirect === null)
    throw new GitHubError(404, "Not Found");
  const code = stableSha(`sign-in ${world.oauthCodes.size}`).slice(0, 20);
  world.oauthCodes.set(code, {
    login: world.settings.signedInAs,
    redirectUri: redirect,
    challenge: query.get("code_challenge_method") === "S256" ? query.get("code_challenge") : null,
  });
  const back = new URL(redirect);
  back.searchParams.set("code", code);
  const state = query.get("state");
  if (state !== null) back.searchParams.set("state", state);
  return { status: 302, headers: { Location: back.href } };
}

/** Answers a wrong code or secret with 200 and an `error`, as GitHub does. */
function exchange({ world, body }: RouteContext): Answer {
  const fail = (error: string, error_description: string) => ({
    status: 200,
    body: { error, error_description, error_uri: "https://docs.github.com/apps" },
  });
  if (body.client_id !== world.app.clientId || body.client_secret !== world.app.clientSecret)
    return fail("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.");
  const granted = world.oauthCodes.get(String(body.code));
  if (!granted) return fail("bad_verification_code", "The code passed is incorrect or expired.");
  const { login, redirectUri, challenge } = granted;
  if (body.redirect_uri !== undefined && body.redirect_uri !== redirectUri)
    return fail("redirect_uri_mismatch", "The redirect_uri is not the one of the authorization.");
  const verifier = createHash("sha256").update(String(body.code_verifier)).digest("base64url");
  if (challenge !== null && verifier !== challenge)
    return fail("bad_verification_code", "The code passed is incorrect or expired.");
  // Each code works once. Its entry stays, so that no other code gets its number.
  world.oauthCodes.set(String(body.code), null);
  const token = world.tokens.issue(
    { kind: "user", login, permissions: {} },
    world.clock.now(),
    EIGHT_HOURS_MS,
  );
  return {
    status: 200,
    body: { access_token: token.value, expires_in: EIGHT_HOURS_MS / 1000, scope: "", token_type: "bearer" },
  };
}

/** Revokes a person's token for the App. */
function revoke({ world, body, headers }: RouteContext): Answer {
  const { clientId, clientSecret } = world.app;
  const basic = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}`;
  if (headers.authorization !== basic) throw new GitHubError(401, "Requires authentication");
  const token = world.tokens.find(String(body.access_token), world.clock.now());
  if (!token) throw new GitHubError(404, "Not Found");
  token.expiresAt = 0;
  return { status: 204 };
}

function whoAmI({ caller }: RouteContext): Answer {
  if (caller.kind !== "user") throw new GitHubError(403, "Resource not accessible by integration");
  const account = accountObject(caller.login ?? "");
  const created = "2011-01-25T18:44:36Z";
  return {
    status: 200,
    body: {
      ...account,
      name: account.login,
      company: null,
      blog: null,
      location: null,
      email: null,
      hireable: null,
      bio: null,
      public_repos: 1,
      public_gists: 0,
      followers: 0,
      following: 0,
      created_at: created,
      updated_at: created,
    },
  };
}
