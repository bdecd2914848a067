import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keyed, sessionKey } from "../../../app/auth/session-key.ts";
import { SESSION_COOKIE } from "../../../app/auth/sign-in.ts";
import { ENGINES, newDatabaseUrl } from "../../helpers/stores.ts";
import { ADMIN_TOKEN, TestHost } from "../../helpers/test-host.ts";
import { Visitor } from "../../helpers/visitor.ts";
import { type GitHub, startGitHub } from "../../simulator/simulator.ts";

const PAGE = { accept: "text/html" };
const ACTIONS = ["switchover", "recovery", "ping", "secret-rotation", "test-alert"];

describe.each(ENGINES)("the settings, with the %s store", (engine) => {
  let github: GitHub;
  let host: TestHost;
  let envFile: string;
  const visitor = (instance = "primary") => new Visitor(host.url(instance));
  const admin = async () => {
    const someone = visitor();
    await someone.signInWithToken(ADMIN_TOKEN);
    return someone;
  };
  const person = async (login: string) => {
    github.settings.signedInAs = login;
    const someone = visitor();
    await someone.signInWithGitHub();
    const { jti = "" } = decodeJwt(someone.cookies.get(SESSION_COOKIE) ?? "");
    someone.csrf = keyed(sessionKey(github.app.privateKey.trim()), "csrf", jti);
    return someone;
  };
  /** Does what a form asks for, and follows to what is shown then. */
  const act = async (someone: Visitor, action: string, fields: Record<string, string> = {}) => {
    const answer = await someone.post(
      `/settings/${action}`,
      { csrf_token: await someone.csrfToken(), ...fields },
      PAGE,
    );
    const next = answer.headers.get("location");
    return {
      status: answer.status,
      text: next === null ? await answer.text() : await (await someone.get(next, PAGE)).text(),
    };
  };
  const pinned = async () =>
    ((await (await host.admin("primary", "GET", "/api/status")).json()) as { pinned: string | null }).pinned;

  beforeAll(async () => {
    github = await startGitHub();
    github.addRepository("acme/site").collaborators.set("boss", "admin").set("operator", "write");
    host = await TestHost.create({
      github,
      instances: ["primary"],
      store: await newDatabaseUrl(engine),
      config: { admins: ["operator"], alerts: [{ type: "slack", url_env: "ALERTS_URL" }] },
      // Nothing listens on the discard port: what is sent there waits.
      env: { ALERTS_URL: "http://127.0.0.1:9/" },
    });
    envFile = join(host.directory, ".env");
    await host.start("primary");
    await github.waitFor(() => github.hook.config.url?.startsWith(host.url("primary")));
  });
  afterAll(async () => {
    await host.close();
    await github.close();
  });

  it("are shown to those named in `admins` and to the admin token, and refused to anyone else", async () => {
    for (const someone of [await admin(), await person("operator")])
      expect((await someone.get("/settings", PAGE)).status).toBe(200);
    const boss = await person("boss");
    for (const path of ["/settings", ...ACTIONS.map((action) => `/settings/${action}`)]) {
      expect([path, (await boss.get(path, PAGE)).status]).toEqual([path, 403]);
      expect([path, (await visitor().get(path, PAGE)).status]).toEqual([path, 303]);
    }
    for (const action of ACTIONS) expect((await act(boss, action, { to: "primary" })).status).toBe(403);
    expect(await pinned()).toBeNull();
  });

  it("are changed by nobody without a session, from another origin, or without the session's token", async () => {
    const someone = await admin();
    const csrf_token = await someone.csrfToken();
    for (const action of ACTIONS) {
      const path = `/settings/${action}`;
      const anonymous = await visitor().post(path, { csrf_token, to: "primary" });
      expect([action, anonymous.status, anonymous.headers.get("location")?.split("?")[0]]).toEqual([
        action,
        303,
        "/sign-in",
      ]);
      for (const [fields, headers] of [
        [{}, {}],
        [{ csrf_token: `${csrf_token}x` }, {}],
        [{ csrf_token }, { origin: "https://evil.example" }],
        [{ csrf_token }, { origin: null }],
      ] as [Record<string, string>, Record<string, string | null>][])
        expect([action, (await someone.post(path, { to: "primary", ...fields }, headers)).status]).toEqual([
          action,
          403,
        ]);
    }
    expect(await pinned()).toBeNull();
    expect(existsSync(envFile)).toBe(false);
    expect(await (await someone.get("/settings", PAGE)).text()).toContain("Nothing yet");
  });

  it("pin and release, and list who did it, also what was refused; names are only text", async () => {
    const operator = await person("operator");
    const reason = "<script>alert(1)</script>";
    const done = await act(operator, "switchover", { to: "primary", reason });
    expect([done.status, done.text.includes("Primary is to be the active one.")]).toEqual([303, true]);
    expect(done.text).not.toContain("<script>alert");
    expect(done.text).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(await pinned()).toBe("primary");
    const wrong = await act(operator, "switchover", { to: "<b>nobody" });
    expect([wrong.status, wrong.text.includes("Not done") || wrong.text.includes("not done")]).toEqual([
      400,
      true,
    ]);
    expect(wrong.text).not.toContain("<b>nobody");
    const released = await act(operator, "recovery");
    expect(released.text).toContain("No instance is pinned any more.");
    expect(await pinned()).toBeNull();
    expect(released.text).toMatch(
      /<bdi>operator<\/bdi>[\s\S]*recovery[\s\S]*switchover[\s\S]*refused \(400\)[\s\S]*primary, &lt;script/,
    );
  });

  it("list what was done through the API, too", async () => {
    await host.admin("primary", "DELETE", "/api/switchover");
    const text = await (await (await admin()).get("/settings", PAGE)).text();
    expect(text).toMatch(/<tbody>\s*<tr>[\s\S]*?<bdi>admin token<\/bdi>[\s\S]*?recovery/);
  });

  it("test the way from GitHub by something that deploys nothing", async () => {
    const someone = await admin();
    const early = await act(someone, "ping");
    expect([early.status, /GitHub has sent nothing yet/.test(early.text)]).toEqual([409, true]);
    await github.completeRun({ repository: "acme/site" }).delivery;
    await github.send("ping", { zen: "Approachable is better than simple." }).delivery;
    const tested = await act(someone, "ping");
    expect(tested.text).toMatch(/GitHub delivered a (ping|deployment) event, and it was answered with 20\d/);
    const again = github.deliveries.filter(({ redelivery }) => redelivery).map(({ event }) => event);
    expect(again).toHaveLength(1);
    expect(again).not.toContain("workflow_run");
    await github.goDown();
    try {
      const away = await act(someone, "ping");
      expect([away.status, /GitHub cannot be asked/.test(away.text)]).toEqual([502, true]);
      // The page itself is there, and says what it does not know.
      const page = await someone.get("/settings", PAGE);
      expect([page.status, /GitHub cannot be asked/.test(await page.text())]).toEqual([200, true]);
    } finally {
      await github.comeBack();
    }
  });

  it("send a test alert", async () => {
    const sent = await act(await person("operator"), "test-alert");
    expect([sent.status, sent.text.includes("On its way to slack.")]).toEqual([303, true]);
    expect(sent.text).not.toContain("127.0.0.1:9/");
  });

  it("say when the file says something else by now, or could not be used", async () => {
    const someone = await admin();
    const page = async () => await (await someone.get("/settings", PAGE)).text();
    expect(await page()).not.toContain("is not what this instance uses");
    const before = readFileSync(host.configFile, "utf8");
    try {
      writeFileSync(host.configFile, `${before}\nretry: { max_attempts: 7 }\n`);
      expect(await page()).toContain("it has changed since: twinhook reload");
      writeFileSync(host.configFile, `${before}\nretry: { max_atempts: 7 }\n`);
      expect(await page()).toMatch(/could not be used as it is now: .*did you mean max_attempts\?/);
    } finally {
      writeFileSync(host.configFile, before);
    }
    expect(await page()).not.toContain("is not what this instance uses");
  });

  it("name what the App lacks at GitHub, and where to give it that", async () => {
    const someone = await admin();
    const { permissions } = github.app;
    github.app.permissions = { ...permissions, deployments: "read" };
    // The controller would put the URL right.
    const kept = github.faults.add({ kind: "status", status: 503 }, { route: "PATCH /app/hook/config" });
    github.hook.config.url = "https://elsewhere.example/<i>";
    try {
      const text = await (await someone.get("/settings", PAGE)).text();
      expect(text).toMatch(/deployments: write<\/dt>\s*<dd>\s*<span class="state bad">/);
      expect(text).toContain(`${github.url}/organizations/acme/settings/apps/${github.app.slug}/permissions`);
      expect(text).toContain("Has not accepted deployments: write");
      expect(text).toContain("it has another URL than the active instance");
      expect(text).toContain("https://elsewhere.example/&lt;i&gt;");
    } finally {
      kept.clear();
      github.app.permissions = permissions;
    }
  });

  it("change the webhook secret where it comes from a file, keep the present one, and never show either", async () => {
    const someone = await admin();
    const elsewhere = await act(someone, "secret-rotation");
    expect([elsewhere.status, /so change it where it is kept/.test(elsewhere.text)]).toEqual([409, true]);

    writeFileSync(envFile, `# ours\nWEBHOOK_SECRET="${host.webhookSecret}"\n`);
    const prepared = await act(someone, "secret-rotation");
    expect(prepared.status).toBe(303);
    expect(prepared.text).toContain("twinhook reload makes the instances use it");
    const written = parseEnv(readFileSync(envFile, "utf8"));
    expect(written.WEBHOOK_SECRET_PREVIOUS).toBe(host.webhookSecret);
    expect(written.WEBHOOK_SECRET).toMatch(/^[0-9a-f]{64}$/);
    for (const secret of [written.WEBHOOK_SECRET, host.webhookSecret])
      expect(prepared.text).not.toContain(secret);
    // Nothing has changed yet, and a second time would lose the present one.
    expect((await host.sendEvent("primary", {}, { event: "ping" })).status).toBe(202);
    const again = await act(someone, "secret-rotation");
    expect([again.status, /holds a new secret already/.test(again.text)]).toEqual([409, true]);
    expect(parseEnv(readFileSync(envFile, "utf8"))).toEqual(written);
  });

  it("leave the setup page to those who have the code that an instance printed, once and from its own pages", async () => {
    const codes = () =>
      host.started
        .flatMap(({ lines }) => lines)
        .flatMap(({ msg }) => /one-time code: (\S+)/.exec(msg ?? "")?.[1] ?? []);
    const [code = ""] = codes();
    // Whoever is signed in has no right there by that.
    const signedIn = await admin();
    expect(await (await signedIn.get("/setup", PAGE)).text()).toContain("One-time code");
    const someone = visitor();
    expect((await someone.post("/setup/code", { code: "AAAA-BBBB-CCCC" })).status).toBe(401);
    expect((await someone.post("/setup/code", { code }, { origin: "https://evil.example" })).status).toBe(
      403,
    );
    expect((await someone.post("/setup/ping", {})).status).toBe(401);
    expect((await someone.post("/setup/code", { code })).status).toBe(303);
    const page = await (await someone.get("/setup", PAGE)).text();
    expect(page).toMatch(/<strong>acme\/site<\/strong> deploys to production/);
    const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(page)?.[1] ?? "";
    for (const [fields, headers] of [
      [{}, {}],
      [{ csrf_token: `${csrf_token}x` }, {}],
      [{ csrf_token }, { origin: "https://evil.example" }],
    ] as [Record<string, string>, Record<string, string>][])
      expect((await someone.post("/setup/ping", fields, headers)).status).toBe(403);
    const tested = await (await someone.post("/setup/ping", { csrf_token })).text();
    expect(tested).toMatch(/GitHub (could not deliver|delivered) a \w+ event/);
    expect((await visitor().post("/setup/code", { code })).status).toBe(401);
    const fresh = codes().at(-1) ?? "";
    expect(fresh).not.toBe(code);
    expect((await visitor().post("/setup/code", { code: fresh })).status).toBe(303);
  });

  it("let an instance that is started again use the new secret, and GitHub with it", async () => {
    const [old] = host.started;
    await old?.kill("SIGTERM");
    // What the file says is what counts for an instance of `npm start`.
    await host.start("primary", { WEBHOOK_SECRET: undefined });
    const written = parseEnv(readFileSync(envFile, "utf8"));
    await github.waitFor(() => github.hook.config.secret === written.WEBHOOK_SECRET);
    expect((await host.sendEvent("primary", {}, { event: "ping" })).status).toBe(202);
    const text = await (await (await admin()).get("/settings", PAGE)).text();
    expect(text).toContain("is still accepted. Remove it 3 days after the change");
  });
});
