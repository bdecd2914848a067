import { Hono } from "hono";
import type { SignIn } from "../auth/sign-in.ts";
import { page } from "./layout.ts";
import { bodyOf } from "./live-page.ts";
import { loadPage } from "./load-page.ts";
import type { PageOptions } from "./page-options.ts";
import { signedIn } from "./signed-in.ts";

/** The pages that update themselves. Without scripts they stay as they were loaded. */
export function livePageRoutes(o: PageOptions, signIn: SignIn): Hono {
  const routes = new Hono();
  const show = signedIn(signIn, async (c, { viewer, csrfToken }) => {
    const loaded = await loadPage(o, viewer, new URL(c.req.url), { withLog: true });
    if (!loaded) return c.notFound();
    const { title, place } = loaded;
    return c.html(
      page({
        title,
        place,
        viewer,
        csrfToken,
        body: bodyOf(loaded),
        banner: loaded.regions.held,
        scripts: ["live-page"],
        data: {
          csrf: csrfToken,
          instance: o.self.name,
          // The other instances, from which the page updates itself when this one does not answer.
          instances: JSON.stringify(o.config.instances.map(({ name, url }) => ({ name, url }))),
        },
      }),
    );
  });
  for (const path of [
    "/",
    "/deployments",
    "/deployments/:id",
    "/deliveries",
    "/deliveries/:id",
    "/targets/:owner/:repo/:name",
  ])
    routes.get(path, show);
  return routes;
}
