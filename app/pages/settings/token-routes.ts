import { Hono } from "hono";
import type { SignIn } from "../../auth/sign-in.ts";
import { asProblem } from "../../http/as-problem.ts";
import { makeToken, type TokenCommandsOptions } from "../../http/tokens/token-commands.ts";
import { tokenRequest } from "../../http/tokens/token-request.ts";
import { signedIn, submitted } from "../signed-in.ts";
import { requireOperator } from "./require-operator.ts";
import { newTokenPage, requestedToken, tokenMadePage } from "./token-pages.ts";

/** `/settings/tokens`: makes a named admin token, and shows it once. */
export function tokenPageRoutes(signIn: SignIn, options: TokenCommandsOptions): Hono {
  const { targets, clock } = options;
  const routes = new Hono();

  routes.get(
    "/settings/tokens/new",
    signedIn(signIn, (c, visit) => {
      requireOperator(visit);
      return c.html(newTokenPage(targets, { fields: {} }, visit));
    }),
  );

  routes.post(
    "/settings/tokens",
    submitted(signIn, async (c, visit, fields) => {
      requireOperator(visit);
      const refuse = (problem: string, status: number) =>
        c.html(newTokenPage(targets, { fields, problem }, visit), status as 422);
      const request = tokenRequest.safeParse(requestedToken(fields, clock.now()));
      if (!request.success) {
        const [issue] = request.error.issues;
        const missing = "choose what the token may do";
        return refuse(issue?.path[0] === "scopes" ? missing : `name: ${issue?.message}`, 422);
      }
      try {
        return c.html(tokenMadePage(await makeToken(options, visit.viewer, request.data), visit));
      } catch (error) {
        const { status, message } = asProblem(error);
        if (status >= 500) throw error;
        return refuse(message, status);
      }
    }),
  );

  return routes;
}
