import type { Generated } from "kysely";

/** A session that was ended before its time. */
export interface EndedSessionRow {
  id: string;
  /** When the session would have ended anyway. The row may be deleted then. */
  expires_at: number;
}

/** A named admin token. The token itself is shown once and is nowhere stored. */
export interface AdminTokenRow {
  name: string;
  /** The SHA-256 of the token, in hex. */
  digest: string;
  /** JSON array: see auth/token-scopes.ts. */
  scopes: string;
  created_at: number;
  /** The name of the person who made it, as in the audit list. */
  created_by: string;
  /** When it ends by itself; null: never. */
  expires_at: number | null;
  /** When it was last used, to the minute; null: never. */
  last_used_at: number | null;
}

/** An action of a person on the settings or on a deployment, or an attempt at one. */
export interface AuditRow {
  id: Generated<number>;
  at: number;
  /** The person's login, "admin token", or "token NAME". */
  by: string;
  instance: string;
  /** Such as `switchover`. */
  action: string;
  details: string | null;
  /** The result, in words. */
  outcome: string;
}

/** The last setup code that an instance printed, until it is used. */
export interface SetupCodeRow {
  instance: string;
  digest: string;
}
