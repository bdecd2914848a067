import type { Context, Handler } from "hono";
import { returnPath } from "../auth/return-path.ts";
import type { SignIn, Visit } from "../auth/sign-in.ts";

type Answer = Response | Promise<Response>;

/** Shows a page to signed-in viewers; others sign in first, and come back. */
export function signedIn(signIn: SignIn, show: (c: Context, visit: Visit) => Answer): Handler {
  return async (c) => {
    const visit = await signIn.visit(c.req.header());
    if (visit) return show(c, visit);
    const { pathname, search } = new URL(c.req.url);
    return toSignIn(c, pathname + search);
  };
}

/** The fields of a form, without files. */
export type Fields = Record<string, string>;

/**
 * Runs the command of a form that a page of this session sent. Other people sign in first, and come back to
 * the page with the form. A form from another site is refused with 403.
 */
export function submitted(
  signIn: SignIn,
  act: (c: Context, visit: Visit, fields: Fields) => Answer,
): Handler {
  return async (c) => {
    const headers = c.req.header();
    const visit = await signIn.visit(headers);
    if (!visit) {
      const from = headers.referer;
      const { pathname, search } = new URL(from && URL.canParse(from) ? from : "/", "http://here.invalid");
      return toSignIn(c, pathname + search);
    }
    const body = await c.req.parseBody();
    const fields = Object.fromEntries(
      Object.entries(body).filter((field): field is [string, string] => typeof field[1] === "string"),
    );
    signIn.checkIntent(visit, headers, fields.csrf_token);
    return act(c, visit, fields);
  };
}

function toSignIn(c: Context, wanted: string): Response {
  return c.redirect(`/sign-in?return_to=${encodeURIComponent(returnPath(wanted))}`, 303);
}
