import { GitHubError } from "./github-error.ts";
import type { Answer, Route, RouteContext } from "./router.ts";

/**
 * The issuer's two public documents, also at the paths of GitHub Enterprise Server, and the runner's
 * endpoint.
 */
export const oidcRoutes: Route[] = ["", "/_services/token"].flatMap((below): Route[] => [
  { method: "GET", path: `${below}/.well-known/openid-configuration`, auth: "none", handle: configuration },
  { method: "GET", path: `${below}/.well-known/jwks`, auth: "none", handle: keySet },
]);
oidcRoutes.push({ method: "GET", path: "/_services/actions/idtoken", auth: "none", handle: token });

function configuration({ world }: RouteContext): Answer {
  const { issuer } = world.oidc;
  return {
    status: 200,
    body: {
      issuer,
      jwks_uri: `${issuer}/.well-known/jwks`,
      subject_types_supported: ["public", "pairwise"],
      response_types_supported: ["id_token"],
      claims_supported: ["sub", "aud", "exp", "iat", "iss", "jti", "nbf", "repository", "run_id", "sha"],
      id_token_signing_alg_values_supported: ["RS256"],
      scopes_supported: ["openid"],
    },
  };
}

function keySet({ world }: RouteContext): Answer {
  return { status: 200, body: world.oidc.jwks() };
}

function token({ world, headers, query }: RouteContext): Answer {
  const requestToken = /^bearer (.+)$/i.exec(headers.authorization ?? "")?.[1] ?? "";
  const claims = world.oidc.claimsOfJob(requestToken);
  if (!claims) throw new GitHubError(401, "The job's request token is unknown");
  const aud = query.get("audience");
  return { status: 200, body: { value: world.oidc.token(aud === null ? claims : { ...claims, aud }) } };
}
