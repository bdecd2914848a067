import { SESSION_COOKIE } from "../../auth/sign-in.ts";
import type { Proof } from "./operations.ts";

const header = (name: string, description: string) => ({ type: "apiKey", in: "header", name, description });

/** The ways to prove an identity. */
export const SECURITY_SCHEMES: Record<string, object> = {
  admin: {
    type: "http",
    scheme: "bearer",
    description: "TWINHOOK_ADMIN_TOKEN, or a named token with the scope",
  },
  metrics: { type: "http", scheme: "bearer", description: "TWINHOOK_METRICS_TOKEN" },
  oidc: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "the OIDC token of a GitHub Actions job, for the audience `oidc.audience`",
  },
  session: {
    type: "apiKey",
    in: "cookie",
    name: SESSION_COOKIE,
    description: "whoever signed in at /sign-in",
  },
  webhook_id: header("webhook-id", "Standard Webhooks: differs for every request"),
  webhook_timestamp: header("webhook-timestamp", "Standard Webhooks: seconds since 1970, within 5 minutes"),
  webhook_signature: header(
    "webhook-signature",
    "Standard Webhooks: `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body` under the target's secret",
  ),
  github: header("X-Hub-Signature-256", "GitHub's signature of the body under the webhook's secret"),
};

/** In OpenAPI's terms: any one of these, or none at all for an empty list. */
export function securityOf(proofs: readonly Proof[]): Record<string, string[]>[] {
  return proofs.map(
    (proof): Record<string, string[]> =>
      proof === "signature"
        ? { webhook_id: [], webhook_timestamp: [], webhook_signature: [] }
        : { [proof]: [] },
  );
}
