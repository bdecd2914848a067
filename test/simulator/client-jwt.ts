import { sign } from "node:crypto";
import type { AppIdentity } from "./app-identity.ts";

/** An App's JWT for a client; a test may override claims to make a bad one. */
export function appJwt(
  app: Pick<AppIdentity, "id" | "privateKey">,
  claims: Record<string, unknown> = {},
  nowMs = Date.now(),
): string {
  const now = Math.floor(nowMs / 1000);
  const text = [
    { typ: "JWT", alg: "RS256" },
    { iss: app.id, iat: now - 60, exp: now + 540, ...claims },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${text}.${sign("RSA-SHA256", Buffer.from(text), app.privateKey).toString("base64url")}`;
}
