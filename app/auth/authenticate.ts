import { checkDelivery } from "../../shared/delivery-signature.ts";
import type { TargetConfig } from "../config/schema.ts";
import type { AdminTokens } from "./admin-tokens.ts";
import type { OidcClaims } from "./oidc/claims.ts";
import { Refusal } from "./refusal.ts";
import { sameText } from "./same-text.ts";
import type { SignIn } from "./sign-in.ts";
import type { Viewer } from "./viewer.ts";

/**
 * A proven caller.
 * - A viewer is a person who signed in, or holds the admin token or a named one.
 * - `signed` is who holds the secret of these targets.
 * - `oidc` is a job of GitHub Actions.
 */
export type Caller =
  | Viewer
  | { kind: "signed"; targets: readonly TargetConfig[] }
  | { kind: "oidc"; claims: OidcClaims };

export interface Credentials {
  adminToken: string | null;
  namedTokens: Pick<AdminTokens, "viewerWith">;
  targets: readonly TargetConfig[];
  /** Returns the secret in this environment variable. */
  secret: (name: string) => string | undefined;
  /** Verifies the token of a job and returns its claims; throws when the token is not valid. */
  claims: (token: string) => Promise<OidcClaims>;
  signIn: SignIn;
}

/**
 * Identifies the caller by the headers and the exact body. No rule depends on the address of the peer.
 * @throws {Refusal} unauthenticated when no credential is valid.
 */
export async function authenticate(
  headers: Record<string, string | undefined>,
  body: string,
  credentials: Omit<Credentials, "signIn">,
): Promise<Caller> {
  const bearer = bearerToken(headers);
  if (bearer !== undefined) {
    const viewer = await viewerWith(bearer, credentials);
    if (viewer) return viewer;
    if (JSON_WEB_TOKEN.test(bearer)) return { kind: "oidc", claims: await credentials.claims(bearer) };
    throw new Refusal(
      "unauthenticated",
      "the bearer token is neither TWINHOOK_ADMIN_TOKEN, nor a named token that is not revoked, nor a token of a GitHub Actions job",
    );
  }
  const signed = {
    "webhook-id": headers["webhook-id"] ?? "",
    "webhook-timestamp": headers["webhook-timestamp"] ?? "",
    "webhook-signature": headers["webhook-signature"] ?? "",
  };
  if (Object.values(signed).some((value) => value === ""))
    throw new Refusal(
      "unauthenticated",
      "the request has no credentials: sign it (webhook-id, webhook-timestamp, webhook-signature), or send a bearer token",
    );
  const reasons = new Set<string>();
  const targets = credentials.targets.filter(({ action: { secret_env } }) => {
    const secret = secret_env && credentials.secret(secret_env);
    if (!secret) return false;
    const reason = checkDelivery(secret, body, signed);
    if (reason) reasons.add(reason);
    return reason === null;
  });
  if (targets.length > 0) return { kind: "signed", targets };
  const why = [...reasons][0] ?? "no target has a secret (action.secret_env)";
  throw new Refusal(
    "unauthenticated",
    `the signature is not valid: ${why}; check the secret, and this machine's clock`,
  );
}

/** The credentials that a viewer of the API sends as a bearer token. */
export type BearerCredentials = Pick<Credentials, "adminToken" | "namedTokens">;

/**
 * The viewer with this bearer token: the admin, or a named token.
 * @throws {Refusal} unauthenticated for any other token, and for none.
 */
export async function viewerByToken(
  headers: Record<string, string | undefined>,
  credentials: BearerCredentials,
): Promise<Viewer> {
  const bearer = bearerToken(headers);
  if (bearer === undefined)
    throw new Refusal(
      "unauthenticated",
      "the request has no credentials: send TWINHOOK_ADMIN_TOKEN, or a named token, as a bearer token, or sign in",
    );
  const viewer = await viewerWith(bearer, credentials);
  if (viewer) return viewer;
  throw new Refusal(
    "unauthenticated",
    "the bearer token is neither TWINHOOK_ADMIN_TOKEN nor a named token that is not revoked; /settings lists the named ones",
  );
}

/** Three parts with dots between them. Only the signature proves that the text is a token, and whose. */
const JSON_WEB_TOKEN = /^[\w-]+\.[\w-]+\.[\w-]*$/;

function bearerToken(headers: Record<string, string | undefined>): string | undefined {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1];
}

async function viewerWith(
  token: string,
  { adminToken, namedTokens }: BearerCredentials,
): Promise<Viewer | null> {
  if (adminToken !== null && sameText(token, adminToken)) return { kind: "admin" };
  return namedTokens.viewerWith(token);
}
