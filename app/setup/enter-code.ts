import type { Context } from "hono";
import { Refusal } from "../auth/refusal.ts";
import { asProblem } from "../http/as-problem.ts";
import { sentence } from "../pages/parts/sentence.ts";
import { codePage } from "./code-page.ts";
import type { SetupSessions } from "./setup-sessions.ts";

/**
 * Handles the form with the one-time code: leads to the setup page, or shows the form again with the problem.
 */
export async function enterCode(c: Context, sessions: SetupSessions): Promise<Response> {
  try {
    await sessions.enter(c, String((await c.req.parseBody()).code ?? ""));
    return c.redirect("/setup", 303);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return c.html(codePage(sentence(error.message)), asProblem(error).status as 401);
  }
}
