import { type Context, Hono } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { type Attempts, DEVICE_LIFE_MS } from "../auth/attempts.ts";
import { FLOW_LIFE_MS, type GitHubSignIn } from "../auth/github-sign-in.ts";
import { Refusal } from "../auth/refusal.ts";
import { returnPath } from "../auth/return-path.ts";
import { sameText } from "../auth/same-text.ts";
import { type Identity, SESSION_LIFE_MS } from "../auth/sessions.ts";
import { SESSION_COOKIE, type SignIn } from "../auth/sign-in.ts";
import { asProblem } from "../http/as-problem.ts";
import { signInPage } from "./sign-in-page.ts";

const DEVICE_COOKIE = "twinhook_device";
const FLOW_COOKIE = "twinhook_sign_in";

export interface SignInRoutesOptions {
  signIn: SignIn;
  attempts: Attempts;
  adminToken: string | null;
  /** Null when the App's client id and secret are not set. */
  github: GitHubSignIn | null;
  githubUrl: string;
}

/** `/sign-in` and `/sign-out`. */
export function signInRoutes(options: SignInRoutesOptions): Hono {
  const { signIn, attempts, adminToken, github, githubUrl } = options;
  const routes = new Hono();

  const form = (returnTo: string, problem?: string) =>
    signInPage({
      githubUrl: github && githubUrl,
      adminToken: adminToken !== null,
      returnTo,
      ...(problem === undefined ? {} : { problem }),
    });
  /** Shows the reason, and the form to try again. */
  const refuse = (c: Context, returnTo: string, error: unknown) => {
    if (!(error instanceof Refusal)) throw error;
    if (error.retryAfterS !== null) c.header("retry-after", String(error.retryAfterS));
    const text = `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`;
    return c.html(form(returnTo, text), asProblem(error).status as 401);
  };

  routes.get("/sign-in", async (c) => {
    const returnTo = returnPath(c.req.query("return_to"));
    const visit = await signIn.visit(c.req.header()).catch(() => null);
    return visit ? c.redirect(returnTo, 303) : c.html(form(returnTo));
  });

  routes.post("/sign-in", async (c) => {
    const { token, return_to } = await c.req.parseBody();
    const returnTo = returnPath(String(return_to ?? ""));
    try {
      signIn.checkOrigin(c.req.header());
      if (adminToken === null || typeof token !== "string" || !sameText(token.trim(), adminToken)) {
        // Counted after the comparison: wrong tokens of strangers never block the right one.
        await attempts.count("token", getCookie(c, DEVICE_COOKIE));
        throw new Refusal(
          "unauthenticated",
          "this is not the admin token; it is TWINHOOK_ADMIN_TOKEN in the instances' environment",
        );
      }
      await begin(c, { kind: "admin" });
      return c.redirect(returnTo, 303);
    } catch (error) {
      return refuse(c, returnTo, error);
    }
  });

  routes.get("/sign-in/github", async (c) => {
    if (!github) return c.redirect("/sign-in", 303);
    const { location, flow } = await github.begin(base(c), c.req.query("return_to"));
    keep(c, FLOW_COOKIE, flow, FLOW_LIFE_MS);
    return c.redirect(location, 302);
  });

  routes.get("/sign-in/github/callback", async (c) => {
    if (!github) return c.redirect("/sign-in", 303);
    try {
      let succeeded = () => {};
      const { code, state, error } = c.req.query();
      const flow = getCookie(c, FLOW_COOKIE);
      const { identity, returnTo } = await github.finish(base(c), { code, state, error, flow }, async () => {
        succeeded = await attempts.count("github", getCookie(c, DEVICE_COOKIE));
      });
      attempts.countIdentity(identity.login);
      if (!(await signIn.viewerFor(identity)))
        throw new Refusal(
          "forbidden",
          `${identity.login} may not push to any repository that has a target here, and is not named in \`admins\`; ask an admin of the repository for the right to push`,
        );
      succeeded();
      forget(c, FLOW_COOKIE);
      await begin(c, identity);
      return c.redirect(returnTo, 303);
    } catch (error) {
      return refuse(c, "/", error);
    }
  });

  routes.post("/sign-out", async (c) => {
    // Signing out works even while GitHub cannot be asked for rights.
    const session = await signIn.sessionOf(c.req.header());
    if (session) {
      const { csrf_token } = await c.req.parseBody();
      signIn.checkIntent({ session }, c.req.header(), csrf_token);
      await signIn.sessions.end(session);
    }
    forget(c, SESSION_COOKIE);
    return c.redirect("/sign-in", 303);
  });

  return routes;

  function base(c: Context): string {
    return signIn.places.baseOf(c.req.header("host"));
  }

  function keep(c: Context, name: string, value: string, lifeMs: number): void {
    const secure = base(c).startsWith("https:");
    setCookie(c, name, value, { httpOnly: true, sameSite: "Lax", secure, path: "/", maxAge: lifeMs / 1000 });
  }

  function forget(c: Context, name: string): void {
    deleteCookie(c, name, { path: "/" });
  }

  async function begin(c: Context, identity: Identity): Promise<void> {
    const { text } = await signIn.sessions.begin(identity);
    keep(c, SESSION_COOKIE, text, SESSION_LIFE_MS);
    keep(c, DEVICE_COOKIE, await attempts.deviceCookie(), DEVICE_LIFE_MS);
  }
}
