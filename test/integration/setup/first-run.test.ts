import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import type { Hono } from "hono";
import { describe, expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../../app/config/load.ts";
import { asProblem } from "../../../app/http/as-problem.ts";
import { firstRunRoutes } from "../../../app/setup/first-run-routes.ts";
import { OwnCode } from "../../../app/setup/setup-code.ts";
import { SetupSessions } from "../../../app/setup/setup-sessions.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { temporaryDirectory } from "../../helpers/stores.ts";
import { startGitHub } from "../../simulator/simulator.ts";

const HERE = "http://127.0.0.1:9100";
const URLS = {
  url_primary: "https://deploy.example.com:9000/",
  url_backup: "https://deploy.example.com:9001",
};

/** A folder with nothing in it, and the setup page of a process that was started there. */
async function nothing(names = { configFile: "twinhook.yml" }) {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  const directory = temporaryDirectory();
  const { GHE_HOST, GHE_PROTOCOL } = github.environment();
  const clock = new ManualClock();
  clock.jump = Date.now();
  const codes: string[] = [];
  const code = new OwnCode((text) => codes.push(text));
  code.announce();
  let made = 0;
  const files = { configFile: join(directory, names.configFile), envFile: join(directory, ".env") };
  const app = firstRunRoutes({
    sessions: new SetupSessions({ key: Buffer.alloc(32, 1), clock, codes: code, origins: [] }),
    config: null,
    ...files,
    env: { GHE_HOST, GHE_PROTOCOL },
    onMade: () => made++,
  });
  app.onError((error) => asProblem(error).toResponse());
  return { github, directory, clock, codes, app, ...files, made: () => made };
}

class Browser {
  cookie = "";
  #app: Hono;
  constructor(app: Hono) {
    this.#app = app;
  }
  async send(path: string, fields?: Record<string, string>, origin: string | null = HERE) {
    const response = await this.#app.request(HERE + path, {
      headers: { cookie: this.cookie, host: new URL(HERE).host, ...(origin === null ? {} : { origin }) },
      ...(fields && { method: "POST", body: new URLSearchParams(fields) }),
    });
    const [set] = response.headers.getSetCookie();
    if (set) this.cookie = set.split(";")[0] ?? "";
    const text = await response.text();
    return {
      status: response.status,
      text,
      csrf: /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? "",
      set,
    };
  }
  /** With the code, as far as the form; answers with its token. */
  async enter(code: string) {
    await this.send("/setup/code", { code });
    return (await this.send("/setup")).csrf;
  }
}

describe("the setup from nothing", () => {
  it("writes a configuration and an environment with which instances can start", async () => {
    const { github, codes, app, configFile, envFile, made } = await nothing();
    const browser = new Browser(app);
    const csrf_token = await browser.enter(codes[0] ?? "");
    const sent = await browser.send("/setup/app", { csrf_token, name: "Acme <deploys>", ...URLS });
    expect(sent.status).toBe(200);
    const address = /action="([^"]+)"/.exec(sent.text)?.[1]?.replaceAll("&amp;", "&") ?? "";
    expect(address.startsWith(`${github.url}/settings/apps/new?state=`)).toBe(true);
    const manifest = /name="manifest" value="([^"]+)"/.exec(sent.text)?.[1] ?? "";
    const decoded = manifest
      .replaceAll("&quot;", '"')
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .replaceAll("&amp;", "&");
    expect(JSON.parse(decoded)).toMatchObject({
      redirect_url: `${HERE}/setup/created`,
      setup_url: "https://deploy.example.com:9000/setup",
    });
    const back = await fetch(address, {
      method: "POST",
      body: new URLSearchParams({ manifest: decoded }),
      redirect: "manual",
    });
    const { pathname, search } = new URL(back.headers.get("location") ?? "");
    const created = await browser.send(pathname + search);
    expect([created.status, made()]).toEqual([200, 1]);

    expect(statSync(envFile).mode & 0o777).toBe(0o600);
    const config = loadConfig({ ...parseEnv(readFileSync(envFile, "utf8")), TWINHOOK_CONFIG: configFile });
    expect(config.instances).toEqual([
      { name: "primary", url: "https://deploy.example.com:9000", listen: "127.0.0.1:9100" },
      { name: "backup", url: "https://deploy.example.com:9001", listen: "127.0.0.1:9101" },
    ]);
    expect(config.environment).toMatchObject({
      appId: String(github.app.id),
      webhookSecret: github.app.webhookSecret,
    });
    expect(config.environment.adminToken).toMatch(/^[0-9a-f]{64}$/);
    // The code of GitHub's is good once, and so is what it was begun with.
    expect((await browser.send(pathname + search)).status).toBeGreaterThanOrEqual(400);
    expect(made()).toBe(1);
  });

  it("shows and does nothing without the code, and takes each code once", async () => {
    const { codes, app, clock, envFile } = await nothing();
    const stranger = new Browser(app);
    expect((await stranger.send("/setup")).text).toContain("One-time code");
    expect((await stranger.send("/setup/app", { name: "x", ...URLS })).status).toBe(401);
    expect((await stranger.send("/setup/created?code=x&state=y")).status).toBe(401);
    const wrong = await stranger.send("/setup/code", { code: "AAAA-AAAA-AAAA" });
    expect([wrong.status, wrong.set]).toEqual([401, undefined]);
    const first = codes[0] ?? "";
    const owner = new Browser(app);
    expect(await owner.enter(first)).not.toBe("");
    expect(codes).toHaveLength(2);
    expect((await stranger.send("/setup/code", { code: first })).status).toBe(401);
    // An hour later the code that was printed then is needed.
    clock.ms += 3_601_000;
    expect((await owner.send("/setup")).text).toContain("One-time code");
    for (let count = 0; count < 30; count++) await stranger.send("/setup/code", { code: `guess ${count}` });
    expect((await stranger.send("/setup/code", { code: "guess" })).status).toBe(429);
    expect(existsSync(envFile)).toBe(false);
  });

  it("refuses forms of other sites, without the visit's token, and a way back that was not begun here", async () => {
    const { codes, app, envFile } = await nothing();
    const browser = new Browser(app);
    for (const origin of ["https://evil.example", "null", null])
      expect((await browser.send("/setup/code", { code: codes[0] ?? "" }, origin)).status).toBe(403);
    const csrf_token = await browser.enter(codes[0] ?? "");
    const form = { name: "Twinhook", ...URLS };
    expect((await browser.send("/setup/app", { csrf_token, ...form }, "https://evil.example")).status).toBe(
      403,
    );
    expect((await browser.send("/setup/app", form)).status).toBe(403);
    expect((await browser.send("/setup/app", { ...form, csrf_token: "x" })).status).toBe(403);
    expect((await browser.send("/setup/created?code=x&state=unknown")).status).toBe(403);
    expect(existsSync(envFile)).toBe(false);
  });

  it.each([
    ["no name", { name: " " }, "Name: expected a name"],
    ["a name that GitHub does not take", { name: "x".repeat(35) }, "at most 34 characters"],
    [
      "an organization that is a path",
      { organization: "acme/../x" },
      "expected the login of an organization",
    ],
    ["a host with a path", { github_host: "github.example.com/x" }, "expected a host name"],
    ["a URL of another kind", { url_primary: "javascript:alert(1)" }, "expected an http:// or https:// URL"],
    ["one URL for both", { url_backup: URLS.url_primary }, "a URL of its own"],
  ])("says what is wrong with %s, and keeps what was typed", async (_, change, message) => {
    const { codes, app } = await nothing();
    const browser = new Browser(app);
    const csrf_token = await browser.enter(codes[0] ?? "");
    const answer = await browser.send("/setup/app", { csrf_token, name: "<i>mine", ...URLS, ...change });
    expect([answer.status, answer.text.includes(message)]).toEqual([422, true]);
    expect(answer.text).not.toContain("<i>mine");
    if (!("name" in change)) expect(answer.text).toContain('value="&lt;i&gt;mine"');
  });

  it("begins nothing at GitHub when its secrets could not be written in the end", async () => {
    const { codes, app } = await nothing({ configFile: "missing/twinhook.yml" });
    const browser = new Browser(app);
    const csrf_token = await browser.enter(codes[0] ?? "");
    const answer = await browser.send("/setup/app", { csrf_token, name: "Twinhook", ...URLS });
    expect([answer.status, answer.text.includes("cannot be written (ENOENT)")]).toEqual([422, true]);
    expect(answer.text).not.toContain('name="manifest"');
  });
});
