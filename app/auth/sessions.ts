import { randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";
import type { Store } from "../store/store.ts";
import { sameText } from "./same-text.ts";
import { keyed } from "./session-key.ts";
import { readSignedText, signText } from "./signed-text.ts";

/** How long a session lasts, however much it is used. */
export const SESSION_LIFE_MS = 12 * 3_600_000;
const TYPE = "twinhook-session";

/** The identity of a signed-in person or admin. */
export type Identity = { kind: "admin" } | { kind: "person"; id: number; login: string };

export interface Session {
  id: string;
  identity: Identity;
  /** Milliseconds since the epoch. */
  expiresAt: number;
}

export interface SessionsOptions {
  key: Buffer;
  /** The admin token in force. A session that another token opened is no longer valid. */
  adminToken: string | null;
  store: Store;
  clock: Clock;
}

/**
 * Signs sessions and reads them. The browser keeps the signed text, so each instance knows the sessions of
 * every other. The store records only sessions that ended early.
 */
export class Sessions {
  #o: SessionsOptions;

  constructor(options: SessionsOptions) {
    this.#o = options;
  }

  /** Begins a session; the browser keeps `text`. */
  async begin(identity: Identity): Promise<{ session: Session; text: string }> {
    const { key, clock } = this.#o;
    const expiresAt = clock.now() + SESSION_LIFE_MS;
    const session = { id: randomBytes(18).toString("base64url"), identity, expiresAt };
    const claims =
      identity.kind === "admin"
        ? { admin: this.#tokenMark() }
        : { sub: String(identity.id), login: identity.login };
    const text = await signText(key, TYPE, { ...claims, jti: session.id }, expiresAt);
    return { session, text };
  }

  /** The session of this text. Returns null for a forged, expired or ended session. */
  async read(text: string): Promise<Session | null> {
    const { key, clock, store } = this.#o;
    const claims = await readSignedText(key, TYPE, text, clock);
    if (!claims) return null;
    const { jti, exp, sub, login, admin } = claims;
    if (typeof jti !== "string" || typeof exp !== "number") return null;
    let identity: Identity;
    if (typeof sub === "string" && typeof login === "string")
      identity = { kind: "person", id: Number(sub), login };
    else if (typeof admin === "string" && this.#o.adminToken !== null && sameText(admin, this.#tokenMark()))
      identity = { kind: "admin" };
    else return null;
    const ended = await store.read
      .selectFrom("ended_sessions")
      .select("id")
      .where("id", "=", jti)
      .executeTakeFirst();
    return ended ? null : { id: jti, identity, expiresAt: exp * 1000 };
  }

  /** Ends a session on every instance. */
  async end({ id, expiresAt }: Session): Promise<void> {
    const { store, clock } = this.#o;
    await store.write(async (trx) => {
      await trx.deleteFrom("ended_sessions").where("expires_at", "<", clock.now()).execute();
      await trx
        .insertInto("ended_sessions")
        .values({ id, expires_at: expiresAt })
        .onConflict((c) => c.doNothing())
        .execute();
    });
  }

  /** The token that every form of this session sends, and that no other site can know. */
  csrfToken({ id }: Session): string {
    return keyed(this.#o.key, "csrf", id);
  }

  #tokenMark(): string {
    return keyed(this.#o.key, "admin token", this.#o.adminToken ?? "");
  }
}
