import type { z } from "zod";
import type { AdminTokens, NamedToken } from "../../auth/admin-tokens.ts";
import { readScopes } from "../../auth/token-scopes.ts";
import { nameOf, type Viewer } from "../../auth/viewer.ts";
import { type Clock, isoTime } from "../../clock.ts";
import type { TargetConfig } from "../../config/schema.ts";
import type { TokenAnswer, TokenMadeAnswer } from "../../reads/answers/token.ts";
import type { Audit } from "../audit.ts";
import { HttpProblem } from "../problem.ts";
import type { tokenRequest } from "./token-request.ts";

export interface TokenCommandsOptions {
  tokens: AdminTokens;
  targets: readonly TargetConfig[];
  clock: Clock;
  audit: Audit;
}

/**
 * Makes a token for an operator, and records it in the audit list.
 * @throws {HttpProblem} 422 for an end in the past. {Refusal} for an unknown scope or a name that is taken.
 */
export async function makeToken(
  { tokens, targets, clock, audit }: TokenCommandsOptions,
  viewer: Viewer,
  { name, scopes: written, expires_at }: z.infer<typeof tokenRequest>,
): Promise<TokenMadeAnswer> {
  const expiresAt = expires_at == null ? null : Date.parse(expires_at);
  let made: TokenMadeAnswer | undefined;
  await audit.run(viewer, "token creation", `${name}: ${written.join(", ")}`.slice(0, 600), async () => {
    const scopes = readScopes(written, targets);
    if (expiresAt !== null && expiresAt <= clock.now())
      throw new HttpProblem(
        422,
        `expires_at: expected a time in the future, got ${isoTime(expiresAt)}; it is ${isoTime(clock.now())} now`,
      );
    const { token, named } = await tokens.make({ name, scopes, expiresAt, by: nameOf(viewer) });
    made = { ...presentToken(named), token };
    return `the token ${name} is good ${expiresAt === null ? "until it is revoked" : `until ${isoTime(expiresAt)}`}`;
  });
  return made as TokenMadeAnswer;
}

/**
 * Revokes a token for an operator, and records it in the audit list.
 * @throws {Refusal} not_found when there is none of this name.
 */
export async function revokeToken(
  { tokens, audit }: Pick<TokenCommandsOptions, "tokens" | "audit">,
  viewer: Viewer,
  name: string,
): Promise<TokenAnswer> {
  let revoked: NamedToken | undefined;
  await audit.run(viewer, "token revocation", name.slice(0, 100), async () => {
    revoked = await tokens.revoke(name);
    return `the token ${name} is refused from now on`;
  });
  return presentToken(revoked as NamedToken);
}

/** Converts a token to the JSON of the API. */
export function presentToken(token: NamedToken): TokenAnswer {
  const { name, scopes, createdAt, createdBy, expiresAt, lastUsedAt } = token;
  return {
    name,
    scopes: [...scopes],
    created_at: isoTime(createdAt),
    created_by: createdBy,
    expires_at: isoTime(expiresAt),
    last_used_at: isoTime(lastUsedAt),
  };
}
