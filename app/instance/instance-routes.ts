import { DEPLOYMENTS_PATH } from "../../shared/deployment-request.ts";
import { AdminTokens } from "../auth/admin-tokens.ts";
import type { Credentials } from "../auth/authenticate.ts";
import { placesOf } from "../auth/places.ts";
import { RepositoryRights } from "../auth/repository-rights.ts";
import { sessionKey } from "../auth/session-key.ts";
import { type Identity, Sessions } from "../auth/sessions.ts";
import { SignIn } from "../auth/sign-in.ts";
import { parkedLookup } from "../catch-up/parked-requests/parked-requests.ts";
import { signatureCheck } from "../github/signature.ts";
import { Audit } from "../http/audit.ts";
import { BodyReader } from "../http/body-reader.ts";
import { healthChecks, READINESS_PATH } from "../http/health-routes.ts";
import { lazyRoutes } from "../http/lazy-routes.ts";
import { type RequestHandler, requestHandler } from "../http/server.ts";
import { webhookEntrance } from "../http/webhook-entrance.ts";
import { LiveSockets } from "../pages/live/live-sockets.ts";
import { pageHeaders } from "../pages/page-headers.ts";
import type { PageOptions } from "../pages/page-options.ts";
import { StoredCodes } from "../setup/setup-code.ts";
import { tagLookup } from "../upkeep/tag-names.ts";
import { apiRoutes } from "./api-routes.ts";
import type { InstanceParts, RouteParts } from "./instance-parts.ts";

/** Builds everything that an instance answers: its request handler, `/live` and the setup codes. */
export async function instanceRoutes(
  parts: InstanceParts,
): Promise<{ handle: RequestHandler; live: LiveSockets; codes: StoredCodes }> {
  const { config, self, env, clock, log, store, acceptor, access, metrics, tokens, names } = parts;
  const { environment, targets } = config;
  const key = sessionKey(environment.privateKey as string);
  const signIn = new SignIn({
    sessions: new Sessions({ key, adminToken: environment.adminToken, store, clock }),
    rights: new RepositoryRights({
      access,
      clock,
      repositories: targets.map((t) => t.repository),
    }),
    admins: config.admins,
    places: placesOf(config, self),
  });
  const namedTokens = new AdminTokens({ store, clock, log });
  const credentials: Credentials = {
    adminToken: environment.adminToken,
    namedTokens,
    targets,
    secret: (variable) => env[variable],
    claims: (token) => tokens.verify(token),
    signIn,
  };
  const codes = new StoredCodes({
    store,
    key,
    instance: self.name,
    tell: (code) =>
      log.info(
        { url: `${self.url}/setup` },
        `the remaining setup steps are at /setup; one-time code: ${code}`,
      ),
  });
  /** The banner of held targets on the page of a problem; none where it cannot be read. */
  const bannerFor = async (identity: Identity) => {
    const { heldBanner } = await import("../pages/targets/held-banner.ts");
    const viewer = await signIn.viewerFor(identity);
    return viewer ? heldBanner({ store, config }, viewer) : undefined;
  };
  const pages: PageOptions = { config, self, store, failover: parts.failover, now: () => clock.now() };
  const audit = new Audit({ store, clock, instance: self.name, log });
  const health = healthChecks({ store, instance: self.name, draining: parts.draining });
  const all: RouteParts = { ...parts, health, signIn, credentials, namedTokens, audit, pages, codes, key };
  const bodies = new BodyReader();
  const handle = requestHandler({
    instance: self.name,
    health,
    bodies,
    webhook: webhookEntrance({
      acceptor,
      bodies,
      targets,
      names,
      verify: signatureCheck(await Promise.all(parts.apps)),
      onCounted: (event) => metrics.counted(event),
      onParked: parkedLookup(store, targets, names),
      onTag: tagLookup(store, targets, names),
      onRefused: (status) => metrics.refused("webhook", status),
      log,
    }),
    onRefused: ({ method, url }, status) => {
      const { pathname } = new URL(url);
      // "Not ready" is the answer to this question, and instances ask each other all the time.
      if (pathname === READINESS_PATH) return;
      const isDeployment = method === "POST" && pathname === DEPLOYMENTS_PATH;
      metrics.refused(isDeployment ? "deployments" : "other", status);
    },
    // Pages and their modules load at the first request for one.
    routes: [
      ...apiRoutes(all),
      ["/", lazyRoutes(async () => (await import("./page-routes.ts")).pageRoutes(all))],
    ],
    pageHeaders: pageHeaders({ origins: signIn.places.origins }),
    problemPage: async (problem, c) => {
      const { problemPage } = await import("../pages/problem-page.ts");
      // The page must also appear when the store, or GitHub, is the cause of the problem.
      const session = await signIn.sessionOf(c.req.header()).catch(() => null);
      const frame = session && {
        viewer: session.identity,
        csrfToken: signIn.sessions.csrfToken(session),
        banner: problem.status < 500 ? await bannerFor(session.identity).catch(() => undefined) : undefined,
      };
      return c.html(problemPage(problem, frame ?? undefined), problem.status as 404);
    },
    log,
  });
  const { bus, pageUrl } = parts;
  return { handle, live: new LiveSockets({ pages, pageUrl, signIn, credentials, bus, log }), codes };
}
