import { verify } from "node:crypto";
import type { AppIdentity } from "./app-identity.ts";
import { GitHubError } from "./github-error.ts";

/** GitHub's limit on the life of an App's JWT, and the clock skew that it allows. */
const MAX_LIFE_S = 600;

/**
 * Checks an App's JWT: RS256 by its key, its id or client id as `iss`, issued in the past, expiring within 10
 * minutes. The messages are GitHub's, by which clients notice a wrong clock.
 * @throws {GitHubError} 401
 */
export function checkAppJwt(jwt: string, app: AppIdentity, nowMs: number): void {
  const [head = "", body = "", signature = ""] = jwt.split(".");
  const header = decode(head);
  const claims = decode(body);
  const signed = Buffer.from(`${head}.${body}`);
  const key = app.publicKey;
  if (header.alg !== "RS256" || !verify("RSA-SHA256", signed, key, Buffer.from(signature, "base64url")))
    throw undecodable();
  if (String(claims.iss) !== String(app.id) && claims.iss !== app.clientId)
    throw new GitHubError(401, "'Issuer' claim ('iss') must be an Integer");
  const now = Math.floor(nowMs / 1000);
  const { exp, iat } = claims;
  if (typeof iat !== "number" || iat > now)
    throw new GitHubError(
      401,
      "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
    );
  if (typeof exp !== "number" || exp <= now)
    throw new GitHubError(
      401,
      "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
    );
  if (exp > now + MAX_LIFE_S)
    throw new GitHubError(401, "'Expiration time' claim ('exp') is too far in the future");
}

function decode(part: string): Record<string, unknown> {
  try {
    const value = JSON.parse(Buffer.from(part, "base64url").toString());
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Text that is not JSON gets the same answer as a wrong signature.
  }
  throw undecodable();
}

function undecodable() {
  return new GitHubError(401, "A JSON web token could not be decoded");
}
