import { parse } from "hono/utils/cookie";
import type { Places } from "./places.ts";
import { Refusal } from "./refusal.ts";
import type { RepositoryRights } from "./repository-rights.ts";
import { sameText } from "./same-text.ts";
import type { Session, Sessions } from "./sessions.ts";
import type { SessionViewer } from "./viewer.ts";

export const SESSION_COOKIE = "twinhook_session";
/**
 * Carries {@link Visit.csrfToken} in requests that a page's script makes; forms have a field `csrf_token`.
 */
export const CSRF_HEADER = "x-csrf-token";

/** A request's headers, names in lower case. */
export type Headers = Record<string, string | string[] | undefined>;

/** A request within a session. */
export interface Visit {
  session: Session;
  viewer: SessionViewer;
  /** The token that every changing request of this session must carry. */
  csrfToken: string;
}

export interface SignInOptions {
  sessions: Sessions;
  rights: RepositoryRights;
  /** The logins of people who may change settings and switch over. */
  admins: readonly string[];
  places: Places;
}

/** Finds a request's session and viewer, and checks that its page belongs to this App. */
export class SignIn {
  readonly sessions: Sessions;
  readonly places: Places;
  #o: SignInOptions;
  #admins: Set<string>;

  constructor(options: SignInOptions) {
    this.#o = options;
    this.sessions = options.sessions;
    this.places = options.places;
    this.#admins = new Set(options.admins.map((login) => login.toLowerCase()));
  }

  /**
   * The session of a request, with its viewer's current rights. Returns null without a session, or when the
   * person may see nothing (any more).
   * @throws {Refusal} 503 when GitHub cannot be asked for the rights.
   */
  async visit(headers: Headers): Promise<Visit | null> {
    const session = await this.sessionOf(headers);
    const viewer = session && (await this.viewerFor(session.identity));
    return session && viewer && { session, viewer, csrfToken: this.sessions.csrfToken(session) };
  }

  /** The session of a request, whatever its owner may see by now. */
  async sessionOf(headers: Headers): Promise<Session | null> {
    const cookies = one(headers.cookie);
    const text = cookies && parse(cookies, SESSION_COOKIE)[SESSION_COOKIE];
    return text ? this.sessions.read(text) : null;
  }

  /** The current rights of an identity; null when it may see nothing. */
  async viewerFor(identity: Session["identity"]): Promise<SessionViewer | null> {
    if (identity.kind === "admin") return { kind: "admin" };
    const operates = this.#admins.has(identity.login.toLowerCase());
    const rights = await this.#o.rights.of(identity);
    if (!operates && rights.size === 0) return null;
    return { kind: "person", login: identity.login, operates, rights };
  }

  /**
   * Lets only requests from the App's own pages through. Requests of other sites have another Origin, and
   * browsers let no page choose it.
   * @throws {Refusal} forbidden
   */
  checkOrigin(headers: Headers): void {
    const origin = one(headers.origin);
    if (origin !== undefined && this.places.origins.includes(origin)) return;
    throw new Refusal(
      "forbidden",
      `the request comes from ${origin === undefined ? "no page" : "a page of another address"} (Origin); ` +
        `expected one of ${this.places.origins.join(", ")}; open the page by one of these addresses, or add its own to the configuration (url, door.url or public_url)`,
    );
  }

  /**
   * Lets only requests from a page of this very session through.
   * @throws {Refusal} forbidden
   */
  checkIntent(
    { session }: Pick<Visit, "session">,
    headers: Headers,
    csrfToken: unknown = one(headers[CSRF_HEADER]),
  ): void {
    this.checkOrigin(headers);
    if (typeof csrfToken === "string" && sameText(csrfToken, this.sessions.csrfToken(session))) return;
    throw new Refusal(
      "forbidden",
      `the request does not carry this session's token (csrf_token in a form, or the header ${CSRF_HEADER}); load the page again, and send it from there`,
    );
  }
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
