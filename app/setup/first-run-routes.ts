import { randomBytes } from "node:crypto";
import { Hono } from "hono";
import { Refusal } from "../auth/refusal.ts";
import { sessionKey } from "../auth/session-key.ts";
import { readEnvFile, setInEnvFile } from "../config/environment/env-file.ts";
import { readEnvironment } from "../config/environment/environment.ts";
import { linkBase } from "../config/link-base.ts";
import type { Config } from "../config/load.ts";
import { HttpProblem } from "../http/problem.ts";
import { contentSecurityPolicy } from "../pages/page-headers.ts";
import { sentence } from "../pages/parts/sentence.ts";
import { appManifest, manifestAddress } from "./app-manifest.ts";
import { codePage } from "./code-page.ts";
import { enterCode } from "./enter-code.ts";
import { assertWritable, firstConfig, writeNew } from "./first-config.ts";
import { type FirstRunForm, readForm } from "./first-run-form.ts";
import { madePage, startPage, submitPage } from "./first-run-pages.ts";
import { environmentOf, takeApp } from "./new-app.ts";
import type { SetupSessions, SetupVisit } from "./setup-sessions.ts";

/** The addresses where the instances of a new configuration listen. */
export const FIRST_LISTENS = ["127.0.0.1:9100", "127.0.0.1:9101"] as const;
/** At most so many people may be at GitHub at the same time. */
const MAX_FLOWS = 20;

export interface FirstRunOptions {
  sessions: SetupSessions;
  /** The configuration, or null when the file does not exist yet. */
  config: Config | null;
  configFile: string;
  envFile: string;
  env: NodeJS.ProcessEnv;
  /** Called when the App exists and everything is written. */
  onMade: () => void;
}

/** `/setup` while no App exists: creates one at GitHub, and writes the files that the instances need. */
export function firstRunRoutes(o: FirstRunOptions): Hono {
  const { sessions, config, configFile, envFile, env, onMade } = o;
  const routes = new Hono();
  const flows = new Map<string, { form: FirstRunForm; here: string }>();
  const environmentFor = (host: string | null) =>
    readEnvironment({ ...env, ...(host !== null && { GHE_HOST: host }) }).environment;

  routes.get("/", (c) => c.redirect("/setup", 303));

  routes.get("/setup", async (c) => {
    const visit = await sessions.visit(c);
    return c.html(visit ? start(visit) : codePage());
  });

  routes.post("/setup/code", (c) => enterCode(c, sessions));

  routes.post("/setup/app", async (c) => {
    const visit = await sessions.visit(c);
    if (!visit) return c.html(codePage(), 401);
    const fields = await c.req.parseBody();
    sessions.checkForm(c, visit, fields.csrf_token);
    try {
      const form = readForm(fields);
      check(form);
      const state = randomBytes(24).toString("base64url");
      for (const oldest of flows.keys()) if (flows.size >= MAX_FLOWS) flows.delete(oldest);
      const here = sessions.origin(c);
      flows.set(state, { form, here });
      const { githubUrl } = environmentFor(form.github_host);
      const address = manifestAddress(githubUrl, form.organization, state);
      const manifest = appManifest({
        name: form.name,
        urls: urlsOf(form),
        home: homeOf(form),
        here,
      });
      // Only this form may lead to GitHub, and GitHub must see its origin.
      c.header("content-security-policy", contentSecurityPolicy({ origins: [], forms: [githubUrl] }));
      c.header("referrer-policy", "strict-origin-when-cross-origin");
      return c.html(submitPage({ address, manifest }));
    } catch (error) {
      if (!(error instanceof HttpProblem)) throw error;
      const chosen = Object.fromEntries(
        Object.entries(fields).filter((field) => typeof field[1] === "string"),
      );
      return c.html(
        start(visit, { chosen: chosen as Record<string, string>, problem: sentence(error.message) }),
        422,
      );
    }
  });

  routes.get("/setup/created", async (c) => {
    if (!(await sessions.visit(c))) return c.html(codePage(), 401);
    const { code = "", state = "" } = c.req.query();
    const flow = flows.get(state);
    if (!flow || code === "")
      throw new Refusal(
        "forbidden",
        "this setup did not begin here, or it has ended already; begin at /setup",
      );
    const { form, here } = flow;
    const { githubApiUrl } = environmentFor(form.github_host);
    const app = await takeApp(githubApiUrl, code);
    flows.delete(state);
    const admins = app.owner.type === "User" ? [app.owner.login] : [];
    if (!config) writeNew(configFile, firstConfig({ urls: urlsOf(form), listens: FIRST_LISTENS, admins }));
    const adminToken = env.TWINHOOK_ADMIN_TOKEN?.trim() || readEnvFile(envFile)?.TWINHOOK_ADMIN_TOKEN || null;
    setInEnvFile(envFile, environmentOf(app, { githubHost: form.github_host, adminToken }));
    // The instances must recognise this visit.
    await sessions.keep(c, here, sessionKey(app.pem.trim()));
    onMade();
    return c.html(madePage({ name: app.name, envFile, configFile, next: "/setup" }));
  });

  return routes;

  function start(visit: SetupVisit, more: { chosen?: Record<string, string>; problem?: string } = {}) {
    return startPage({
      csrfToken: visit.csrfToken,
      urls: config?.instances.map(({ url }) => url) ?? null,
      configFile,
      envFile,
      replaced: replaced(),
      githubUrl: env.GHE_HOST ? environmentFor(null).githubUrl : null,
      chosen: {},
      ...more,
    });
  }

  /** The App's variables that the file holds already. */
  function replaced(): string[] {
    const written = readEnvFile(envFile) ?? {};
    const names = ["APP_ID", "PRIVATE_KEY", "WEBHOOK_SECRET", "GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET"];
    return names.filter((name) => (written[name] ?? "") !== "");
  }

  function check(form: FirstRunForm): void {
    if (replaced().length > 0 && form.overwrite !== "yes")
      throw new HttpProblem(
        422,
        `${envFile} has an App's values already: agree that they are replaced, or move the file away`,
      );
    if (!config && (form.url_primary === undefined || form.url_backup === undefined))
      throw new HttpProblem(422, "the URLs of both instances are needed");
    if (!config && form.url_primary === form.url_backup)
      throw new HttpProblem(422, "each instance needs a URL of its own, such as two ports of one host");
    for (const file of [envFile, configFile])
      try {
        assertWritable(file);
      } catch (error) {
        throw new HttpProblem(
          422,
          `${file} cannot be written (${(error as NodeJS.ErrnoException).code}): let this user write to its folder, and try again`,
        );
      }
  }

  function urlsOf(form: FirstRunForm): string[] {
    if (config)
      return [...config.instances.map(({ url }) => url), config.door?.url, config.public_url].filter(
        (url) => typeof url === "string",
      );
    return [form.url_primary, form.url_backup].filter((url) => url !== undefined);
  }

  function homeOf(form: FirstRunForm): string {
    return config ? linkBase(config) : (urlsOf(form)[0] as string);
  }
}
