import { checkDelivery } from "../../shared/delivery-signature.ts";
import type { TargetConfig } from "../config/schema.ts";
import { sameText } from "../sign-in/same-text.ts";
import type { SignIn } from "../sign-in/sign-in.ts";
import type { Viewer } from "../sign-in/viewer.ts";
import { HttpProblem } from "./problem.ts";

/** Who calls: the admin, someone who signed in, or someone who holds the secret of these targets. */
export type Caller = Viewer | { kind: "signed"; targets: readonly TargetConfig[] };

export interface Credentials {
  adminToken: string | null;
  targets: readonly TargetConfig[];
  /** The secret that the environment holds under this name. */
  secret: (name: string) => string | undefined;
  signIn: SignIn;
}

/**
 * Finds out who calls, from the headers and the exact body.
 * @throws {HttpProblem} 401 when nothing proves anything. No rule depends on the address of the peer.
 */
export function authenticate(
  headers: Record<string, string | undefined>,
  body: string,
  credentials: Omit<Credentials, "signIn">,
): Caller {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1];
  if (bearer !== undefined) {
    if (credentials.adminToken !== null && sameText(bearer, credentials.adminToken)) return { kind: "admin" };
    throw unauthorized("the bearer token is not TWINHOOK_ADMIN_TOKEN");
  }
  const signed = {
    "webhook-id": headers["webhook-id"] ?? "",
    "webhook-timestamp": headers["webhook-timestamp"] ?? "",
    "webhook-signature": headers["webhook-signature"] ?? "",
  };
  if (Object.values(signed).some((value) => value === ""))
    throw unauthorized(
      "nothing proves who asks: sign the request (webhook-id, webhook-timestamp, webhook-signature), or send a bearer token",
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
  throw unauthorized(`the signature is not valid: ${why}; check the secret, and this machine's clock`);
}

/**
 * Only lets the admin through.
 * @throws {HttpProblem} 401 otherwise.
 */
export function requireAdmin(
  headers: Record<string, string | undefined>,
  credentials: Pick<Credentials, "adminToken">,
): void {
  authenticate({ authorization: headers.authorization }, "", {
    ...credentials,
    targets: [],
    secret: () => undefined,
  });
}

function unauthorized(detail: string): HttpProblem {
  return new HttpProblem(401, detail, { "www-authenticate": 'Bearer realm="twinhook"' });
}
