import { randomBytes } from "node:crypto";
import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { RateLimiter } from "../auth/rate-limiter.ts";
import { Refusal } from "../auth/refusal.ts";
import { sameText } from "../auth/same-text.ts";
import { keyed } from "../auth/session-key.ts";
import { readSignedText, signText } from "../auth/signed-text.ts";
import type { Clock } from "../clock.ts";
import type { SetupCodes } from "./setup-code.ts";

const COOKIE = "twinhook_setup";
const TYPE = "twinhook-setup";
const LIFE_MS = 3_600_000;
/**
 * The limit on wrong codes. The right one is always accepted, so strangers cannot lock out its owner. That
 * makes guessing no easier: there are 32^12 = 1.2e18 codes. At 100,000 tries a second, half of them take
 * 180,000 years.
 */
const WRONG_CODES = { burst: 20, everyMs: 500 };

/** A visit to the setup pages by a person who had the code. */
export interface SetupVisit {
  /** The token that forms must carry. */
  csrfToken: string;
}

export interface SetupSessionsOptions {
  key: Buffer;
  clock: Clock;
  codes: SetupCodes;
  /** The origins of the configuration. A tunnel to the listening address leads to the pages as well. */
  origins: readonly string[];
}

/** Admits people with the one-time code to the setup pages, for an hour and in one browser. */
export class SetupSessions {
  #o: SetupSessionsOptions;
  #wrongCodes: RateLimiter;

  constructor(options: SetupSessionsOptions) {
    this.#o = options;
    this.#wrongCodes = new RateLimiter(options.clock, WRONG_CODES);
  }

  /** The visit of a request, or null when the code is still needed. */
  async visit(c: Context): Promise<SetupVisit | null> {
    const { key, clock } = this.#o;
    const claims = await readSignedText(key, TYPE, getCookie(c, COOKIE) ?? "", clock);
    return claims?.jti === undefined ? null : { csrfToken: keyed(key, "setup csrf", claims.jti) };
  }

  /**
   * Begins a visit with the code.
   * @throws {Refusal} 401 when the code is not valid (any more); 403 from another site; 429 after too many
   * wrong codes.
   */
  async enter(c: Context, code: string): Promise<void> {
    this.origin(c);
    if (await this.#o.codes.redeem(code)) return this.keep(c, this.origin(c));
    const wait = this.#wrongCodes.take("");
    if (wait === null)
      throw new Refusal(
        "unauthenticated",
        "this is not the code, or it was used already; use the newest code that was printed",
      );
    throw new Refusal("too_often", "too many wrong codes were tried; the right one is accepted at any time", {
      retryAfterS: Math.ceil(wait / 1000),
    });
  }

  /**
   * The origin of the page that sent a form, if it is allowed.
   * @throws {Refusal} 403
   */
  origin(c: Context): string {
    const origin = c.req.header("origin") ?? "";
    const here = URL.canParse(origin) && new URL(origin).host === c.req.header("host");
    if (here || this.#o.origins.includes(origin)) return origin;
    throw new Refusal("forbidden", "the request does not come from one of these pages (Origin)");
  }

  /**
   * Stores the visit in the browser at this origin; `key` signs it for the process that must recognise it.
   */
  async keep(c: Context, origin: string, key = this.#o.key): Promise<void> {
    const claims = { jti: randomBytes(18).toString("base64url") };
    const text = await signText(key, TYPE, claims, this.#o.clock.now() + LIFE_MS);
    setCookie(c, COOKIE, text, {
      httpOnly: true,
      // The redirect from GitHub begins at another site.
      sameSite: "Lax",
      secure: origin.startsWith("https:"),
      path: "/",
      maxAge: LIFE_MS / 1000,
    });
  }

  /**
   * Checks that a form belongs to this visit.
   * @throws {Refusal} 403 when it does not.
   */
  checkForm(c: Context, { csrfToken }: SetupVisit, sent: unknown): void {
    this.origin(c);
    if (typeof sent !== "string" || !sameText(sent, csrfToken))
      throw new Refusal("forbidden", "the form was not one of these pages; load the page again");
  }
}
