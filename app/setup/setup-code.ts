import { randomInt } from "node:crypto";
import { sameText } from "../auth/same-text.ts";
import { keyed } from "../auth/session-key.ts";
import type { Store } from "../store/store.ts";

/** Without letters and digits that look alike. */
const LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const LENGTH = 12;

/**
 * A one-time code such as `K7QM-2XPD-9RTA`, for whoever reads the instance's log. It has 60 bits, too many to
 * guess.
 */
export function newSetupCode(): string {
  const letters = Array.from({ length: LENGTH }, () => LETTERS[randomInt(LETTERS.length)]);
  return letters.join("").replace(/(.{4})(?=.)/g, "$1-");
}

/** Keeps codes until they are used; each works once. */
export interface SetupCodes {
  /** Whether this is a valid code; a valid one is used up. */
  redeem(code: string): Promise<boolean>;
}

/** The code of a process that runs alone, because no App exists yet. */
export class OwnCode implements SetupCodes {
  #tell: (code: string) => void;
  #current = newSetupCode();

  /** `tell` shows a code to the person who started the process. */
  constructor(tell: (code: string) => void) {
    this.#tell = tell;
  }

  announce(): void {
    this.#tell(this.#current);
  }

  async redeem(code: string): Promise<boolean> {
    if (!sameText(normal(code), normal(this.#current))) return false;
    this.#current = newSetupCode();
    this.announce();
    return true;
  }
}

/** Codes in the store: every instance accepts those of all others, since people may reach any of them. */
export class StoredCodes implements SetupCodes {
  #o: { store: Store; key: Buffer; instance: string; tell: (code: string) => void };

  constructor(options: { store: Store; key: Buffer; instance: string; tell: (code: string) => void }) {
    this.#o = options;
  }

  /** Replaces this instance's code by a new one. */
  async renew(): Promise<void> {
    const { store, instance, tell } = this.#o;
    const code = newSetupCode();
    const row = { instance, digest: this.#digest(code) };
    await store.write((trx) =>
      trx
        .insertInto("setup_codes")
        .values(row)
        .onConflict((c) => c.column("instance").doUpdateSet(row))
        .execute(),
    );
    tell(code);
  }

  async redeem(code: string): Promise<boolean> {
    const { store } = this.#o;
    const digest = this.#digest(code);
    // A wrong code costs one read, and never a commit.
    const known = await store.read
      .selectFrom("setup_codes")
      .select("instance")
      .where("digest", "=", digest)
      .execute();
    if (known.length === 0) return false;
    const used = await store.write((trx) =>
      trx.deleteFrom("setup_codes").where("digest", "=", digest).returning("instance").execute(),
    );
    if (used.length === 0) return false;
    await this.renew();
    return true;
  }

  #digest(code: string): string {
    return keyed(this.#o.key, "setup code", normal(code));
  }
}

/** The code in its one form, however it was typed. */
function normal(code: string): string {
  return code.toUpperCase().replace(/[^A-Z0-9]/g, "");
}
