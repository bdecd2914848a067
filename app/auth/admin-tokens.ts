import { createHash, randomBytes } from "node:crypto";
import type { Logger } from "pino";
import { type Clock, isoTime } from "../clock.ts";
import type { AdminTokenRow } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { Refusal } from "./refusal.ts";
import type { TokenScope } from "./token-scopes.ts";
import type { Viewer } from "./viewer.ts";

/** Scanners for leaked secrets find the tokens by this form. */
const PREFIX = "twh_";
const FORM = /^twh_[0-9a-f]{64}$/;
/** How exact the time of the last use is: at most one write in this time for each token. */
const USE_MS = 60_000;

/** A named token, without the token itself. Times are milliseconds since the epoch. */
export interface NamedToken {
  name: string;
  scopes: readonly TokenScope[];
  createdAt: number;
  createdBy: string;
  expiresAt: number | null;
  lastUsedAt: number | null;
}

/**
 * The named admin tokens. The store has their hashes alone, and each request reads it: a revoked token ends at once, on
 * every instance.
 */
export class AdminTokens {
  #store: Store;
  #clock: Clock;
  #log: Logger;
  /** When this process last tried to write a token's use (ms, monotonic). */
  #noted = new Map<string, number>();

  constructor({ store, clock, log }: { store: Store; clock: Clock; log: Logger }) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Makes a token. Only this answer ever has it.
   * @throws {Refusal} conflict when another token has the name.
   */
  async make(wanted: {
    name: string;
    scopes: readonly TokenScope[];
    expiresAt: number | null;
    by: string;
  }): Promise<{ token: string; named: NamedToken }> {
    const token = `${PREFIX}${randomBytes(32).toString("hex")}`;
    const row: AdminTokenRow = {
      name: wanted.name,
      digest: digestOf(token),
      scopes: JSON.stringify(wanted.scopes),
      created_at: this.#clock.now(),
      created_by: wanted.by,
      expires_at: wanted.expiresAt,
      last_used_at: null,
    };
    const made = await this.#store.write((trx) =>
      trx
        .insertInto("admin_tokens")
        .values(row)
        .onConflict((c) => c.column("name").doNothing())
        .returning("name")
        .executeTakeFirst(),
    );
    if (!made)
      throw new Refusal(
        "conflict",
        `there is a token ${wanted.name} already; choose another name, or revoke that one first`,
      );
    return { token, named: namedOf(row) };
  }

  /** All tokens that were not revoked, by name; expired ones are among them. */
  async list(): Promise<NamedToken[]> {
    const rows = await this.#store.read.selectFrom("admin_tokens").selectAll().orderBy("name").execute();
    return rows.map(namedOf);
  }

  /**
   * Revokes a token.
   * @throws {Refusal} not_found when there is none of this name.
   */
  async revoke(name: string): Promise<NamedToken> {
    const row = await this.#store.write((trx) =>
      trx.deleteFrom("admin_tokens").where("name", "=", name).returningAll().executeTakeFirst(),
    );
    if (!row) throw new Refusal("not_found", `there is no token ${name}; \`twinhook token list\` shows all`);
    return namedOf(row);
  }

  /**
   * The viewer with this token; null when it is no named token, or a revoked one.
   * @throws {Refusal} unauthenticated when it has expired.
   */
  async viewerWith(token: string): Promise<Viewer | null> {
    if (!FORM.test(token)) return null;
    const row = await this.#store.read
      .selectFrom("admin_tokens")
      .selectAll()
      .where("digest", "=", digestOf(token))
      .executeTakeFirst();
    if (!row) return null;
    const { name, scopes, expiresAt } = namedOf(row);
    if (expiresAt !== null && expiresAt <= this.#clock.now())
      throw new Refusal(
        "unauthenticated",
        `the token ${name} expired at ${isoTime(expiresAt)}; make another one at /settings, or by \`twinhook token create\``,
      );
    this.#noteUse(row);
    return { kind: "token", name, scopes };
  }

  /** Notes the use without waiting: a token must also be good while nothing can be written. */
  #noteUse({ name, digest, last_used_at }: AdminTokenRow): void {
    const now = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    const before = now - USE_MS;
    if (last_used_at !== null && last_used_at > before) return;
    if (monotonic - (this.#noted.get(digest) ?? Number.NEGATIVE_INFINITY) < USE_MS) return;
    this.#noted.set(digest, monotonic);
    this.#store
      .write((trx) =>
        trx
          .updateTable("admin_tokens")
          .set({ last_used_at: now })
          .where("digest", "=", digest)
          .where((e) => e.or([e("last_used_at", "is", null), e("last_used_at", "<=", before)]))
          .execute(),
      )
      .catch((error: Error) =>
        this.#log.debug({ token: name }, `noting the use of a token failed: ${error.message}`),
      );
  }
}

/** The digest that the store has. A fast hash will do, since nobody can guess 32 random bytes. */
function digestOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function namedOf(row: AdminTokenRow): NamedToken {
  return {
    name: row.name,
    scopes: JSON.parse(row.scopes),
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
  };
}
