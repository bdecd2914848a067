import { createHash } from "node:crypto";
import type { Permissions } from "./app-identity.ts";

/** GitHub's tokens grew to about this length in 2026; nothing may rely on it. */
const TOKEN_LENGTH = 520;
const HOUR_MS = 3_600_000;

/** The rights and the owner of a token. */
export interface Token {
  kind: "installation" | "github_token" | "user";
  value: string;
  expiresAt: number;
  permissions: Permissions;
  /** Only on an installation token. */
  installationId?: number;
  /** The token's repositories; undefined means all of the installation, or all that the user sees. */
  repositories?: string[];
  /** The workflow run of a `GITHUB_TOKEN`. */
  runId?: number;
  /** Only on a user token. */
  login?: string;
}

/** The tokens that were issued. */
export class Tokens {
  readonly #known = new Map<string, Token>();

  /** Issues a token, valid for an hour unless told otherwise. */
  issue(token: Omit<Token, "value" | "expiresAt">, nowMs: number, lifeMs = HOUR_MS): Token {
    const prefix = token.kind === "user" ? "ghu_" : "ghs_";
    const length = token.kind === "user" ? 40 : TOKEN_LENGTH;
    let text = prefix;
    for (let part = 0; text.length < length; part++)
      text += createHash("sha512")
        .update(`${prefix}${this.#known.size}.${part}`)
        .digest("base64")
        .replace(/[+/=]/g, "");
    const issued = { ...token, value: text.slice(0, length), expiresAt: nowMs + lifeMs };
    this.#known.set(issued.value, issued);
    return issued;
  }

  /** The token of this text, unless it is unknown, revoked or has expired. */
  find(value: string, nowMs: number): Token | undefined {
    const token = this.#known.get(value);
    return token && token.expiresAt > nowMs ? token : undefined;
  }

  /** Revokes every token that was issued so far. */
  revokeAll(): void {
    for (const token of this.#known.values()) token.expiresAt = 0;
  }
}
