import type { Context } from "hono";
import { Refusal } from "../auth/refusal.ts";
import { asProblem } from "../http/as-problem.ts";
import { sentence } from "../pages/parts/sentence.ts";
import { codePage } from "./code-page.ts";
import type { SetupSessions } from "./setup-sessions.ts";

/** Answers the form with the one-time code: on to the setup page, or the form again with what is wrong. */
export async function enterCode(c: Context, sessions: SetupSessions): Promise<Response> {
  try {
    await sessions.enter(c, String((await c.req.parseBody()).code ?? ""));
    return c.redirect("/setup", 303);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return c.html(codePage(sentence(error.message)), asProblem(error).status as 401);
  }
}
