import { type Context, Hono } from "hono";
import type { Probot } from "probot";
import type { Config } from "../config/load.ts";
import { describePing, type Ping, pingArrived } from "../github/ping.ts";
import { HttpProblem } from "../http/problem.ts";
import { sentence } from "../pages/parts/sentence.ts";
import type { Store } from "../store/store.ts";
import { readChecklist } from "./checklist.ts";
import { type ChecklistPage, checklistPage } from "./checklist-page.ts";
import { codePage } from "./code-page.ts";
import { enterCode } from "./enter-code.ts";
import type { SetupSessions, SetupVisit } from "./setup-sessions.ts";

export interface SetupRoutesOptions {
  sessions: SetupSessions;
  config: Config;
  store: Store;
  app: Promise<Probot>;
  /** Tests the way from GitHub to the active endpoint. */
  testDelivery: () => Promise<Ping>;
}

/** `/setup` of an instance that has its App: shows the remaining steps. */
export function setupRoutes(o: SetupRoutesOptions): Hono {
  const { sessions } = o;
  const routes = new Hono();

  const show = async (c: Context, { csrfToken }: SetupVisit, tested: ChecklistPage["tested"]) =>
    c.html(checklistPage({ list: await readChecklist(o), csrfToken, tested }));

  routes.get("/setup", async (c) => {
    const visit = await sessions.visit(c);
    return visit ? show(c, visit, null) : c.html(codePage());
  });

  routes.post("/setup/code", (c) => enterCode(c, sessions));

  routes.post("/setup/ping", async (c) => {
    const visit = await sessions.visit(c);
    if (!visit) return c.html(codePage(), 401);
    sessions.checkForm(c, visit, (await c.req.parseBody()).csrf_token);
    try {
      const ping = await o.testDelivery();
      return show(c, visit, { text: sentence(describePing(ping)), well: pingArrived(ping) });
    } catch (error) {
      if (!(error instanceof HttpProblem)) throw error;
      return show(c, visit, { text: sentence(error.message), well: false });
    }
  });

  return routes;
}
