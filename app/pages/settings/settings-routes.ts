import { type Context, Hono } from "hono";
import { Refusal } from "../../auth/refusal.ts";
import type { SignIn } from "../../auth/sign-in.ts";
import { nameOf } from "../../auth/viewer.ts";
import { asProblem } from "../../http/as-problem.ts";
import type { Audit } from "../../http/audit.ts";
import { HttpProblem } from "../../http/problem.ts";
import { type Fields, signedIn, submitted } from "../signed-in.ts";
import { withBanner } from "../targets/held-banner.ts";
import { type SettingsAction, type SettingsCommands, settingsActions } from "./actions.ts";
import { carried, confirmPage, refusedPage } from "./confirm-page.ts";
import { readSettings, type SettingsOptions } from "./read-settings.ts";
import { requireOperator } from "./require-operator.ts";
import { settingsPage } from "./settings-page.ts";

export interface SettingsRoutesOptions extends SettingsOptions {
  signIn: SignIn;
  audit: Audit;
  commands: SettingsCommands;
}

/** `/settings` and its commands; only for people who may change settings. */
export function settingsRoutes(options: SettingsRoutesOptions): Hono {
  const { signIn, audit, config, commands } = options;
  const actions = settingsActions(commands);
  const routes = new Hono();

  routes.get(
    "/settings",
    signedIn(signIn, async (c, visit) => {
      requireOperator(visit);
      const entry = Number(c.req.query("entry"));
      const [settings, done] = await Promise.all([
        readSettings(options),
        Number.isSafeInteger(entry) ? audit.entry(entry) : undefined,
      ]);
      return c.html(
        settingsPage(
          { settings, config, done, canTestAlerts: commands.sendTestAlert !== null },
          await withBanner(options, visit),
        ),
      );
    }),
  );

  routes.get(
    "/settings/:action",
    signedIn(signIn, async (c, visit) => {
      requireOperator(visit);
      const action = find(c);
      const fields = carried(action, c.req.query());
      return c.html(confirmPage(action, fields, await withBanner(options, visit)));
    }),
  );

  routes.post(
    "/settings/:action",
    submitted(signIn, async (c, visit, fields) => {
      requireOperator(visit);
      const action = find(c);
      try {
        const entry = await audit.run(visit.viewer, action.audit, details(action, fields), () =>
          action.perform(fields, nameOf(visit.viewer)),
        );
        return c.redirect(`/settings?entry=${entry}`, 303);
      } catch (error) {
        if (!(error instanceof HttpProblem || error instanceof Refusal)) throw error;
        const { status, message: said } = asProblem(error);
        if (status === 500) throw error;
        const insist = action.slug === "switchover" && status === 409;
        const message = insist ? said.replace(/, or send "force": true$/, ", or insist") : said;
        const shown = await withBanner(options, visit);
        return c.html(refusedPage(action, { message, fields, insist }, shown), status as 409);
      }
    }),
  );

  return routes;

  function find(c: Context): SettingsAction {
    const action = actions.find(({ slug }) => slug === c.req.param("action"));
    if (!action) throw new HttpProblem(404, "there is nothing at this address");
    return action;
  }
}

function details(action: SettingsAction, fields: Fields): string | null {
  const said = [...action.carries, "reason"].flatMap((name) => (fields[name] ? [fields[name]] : []));
  return said.length === 0 ? null : said.join(", ").slice(0, 600);
}
