import { once } from "node:events";
import { decodeJwt, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { FLOW_LIFE_MS } from "../../../app/auth/github-sign-in.ts";
import { keyed, sessionKey } from "../../../app/auth/session-key.ts";
import { SESSION_COOKIE } from "../../../app/auth/sign-in.ts";
import { awayGitHub } from "../../helpers/away-github.ts";
import { freePort } from "../../helpers/free-ports.ts";
import { ENGINES, newDatabaseUrl } from "../../helpers/stores.ts";
import { ADMIN_TOKEN, TestHost } from "../../helpers/test-host.ts";
import { Visitor } from "../../helpers/visitor.ts";
import { type GitHub, startGitHub } from "../../simulator/simulator.ts";

const PAGE = { accept: "text/html" };

describe.each(ENGINES)("signing in, with the %s store", (engine) => {
  let github: GitHub;
  let host: TestHost;
  const visitor = (instance = "primary") => new Visitor(host.url(instance));
  const signedIn = async () => {
    const someone = visitor();
    expect((await someone.signInWithToken(ADMIN_TOKEN)).status).toBe(303);
    return someone;
  };
  const person = async (login: string) => {
    github.settings.signedInAs = login;
    const someone = visitor();
    const answer = await someone.signInWithGitHub();
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/"]);
    const { jti = "" } = decodeJwt(someone.cookies.get(SESSION_COOKIE) ?? "");
    someone.csrf = keyed(sessionKey(github.app.privateKey.trim()), "csrf", jti);
    return someone;
  };
  const status = async (cookie: string) =>
    (await fetch(host.url("primary", "/api/status"), { headers: { cookie: `${SESSION_COOKIE}=${cookie}` } }))
      .status;

  beforeAll(async () => {
    github = await startGitHub();
    for (const name of ["acme/site", "acme/secret", "acme/free"])
      github.addRepository(name, { private: true });
    github
      .repository("acme/site")
      .collaborators.set("pusher", "write")
      .set("reader", "read")
      .set("boss", "admin");
    github.repository("acme/secret").collaborators.set("other", "admin");
    github.repository("acme/free").collaborators.set("bystander", "admin");
    host = await TestHost.create({
      github,
      store: await newDatabaseUrl(engine),
      targets: [{}, { repository: "acme/secret", environment: "vault" }],
      config: { admins: ["Operator"] },
    });
    await Promise.all([host.startInProcess("primary"), host.startInProcess("backup")]);
  });
  afterAll(async () => {
    await host.close();
    await github.close();
  });

  describe("with the admin token", () => {
    it("opens a session that every instance knows, in a cookie that no script can read", async () => {
      const someone = await signedIn();
      expect(someone.attributes.get(SESSION_COOKIE)).toBe("Max-Age=43200; Path=/; HttpOnly; SameSite=Lax");
      for (const instance of ["primary", "backup"]) {
        const answer = await someone.at(host.url(instance)).get("/api/status");
        expect([answer.status, ((await answer.json()) as { instance: string }).instance]).toEqual([
          200,
          instance,
        ]);
      }
    });

    it("leads on to the page that was wanted, and never to another site", async () => {
      const page = "/deployments/dep_1?tab=log";
      expect((await visitor().signInWithToken(ADMIN_TOKEN, page)).headers.get("location")).toBe(page);
      for (const elsewhere of [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "/%2e%2e//evil.example/",
        "x",
      ]) {
        const answer = await visitor().signInWithToken(ADMIN_TOKEN, elsewhere);
        const location = answer.headers.get("location") ?? "";
        expect(new URL(location, host.url("primary")).origin).toBe(host.url("primary"));
      }
    });

    it("is refused with another token, in words and with the form to try again", async () => {
      const someone = visitor();
      const answer = await someone.signInWithToken("<script>alert(1)</script>");
      expect(answer.status).toBe(401);
      const text = await answer.text();
      expect(text).toContain("This is not the admin token");
      expect(text).toContain('name="token"');
      expect(text).not.toContain("<script>alert");
      expect(someone.cookies.size).toBe(0);
    });

    it.each([
      ["without an Origin", null],
      ["from a page of another site", "https://evil.example"],
      ["from a frame without an origin", "null"],
    ])("is refused %s", async (_, origin) => {
      const answer = await visitor().post("/sign-in", { token: ADMIN_TOKEN }, { origin });
      expect(answer.status).toBe(403);
      expect(answer.headers.getSetCookie()).toEqual([]);
    });
  });

  describe("a session", () => {
    it("ends on every instance when its owner signs out, also for a copy of the cookie", async () => {
      const someone = await signedIn();
      const copy = someone.cookies.get(SESSION_COOKIE) ?? "";
      expect(await status(copy)).toBe(200);
      const csrf_token = await someone.csrfToken();
      expect((await someone.post("/sign-out", { csrf_token })).headers.get("location")).toBe("/sign-in");
      expect(someone.cookies.has(SESSION_COOKIE)).toBe(false);
      expect(await status(copy)).toBe(401);
      const elsewhere = await fetch(host.url("backup", "/api/status"), {
        headers: { cookie: `${SESSION_COOKIE}=${copy}` },
      });
      expect(elsewhere.status).toBe(401);
    });

    it("that was changed, signed by another key, is over, unsigned or of another kind is none", async () => {
      const someone = await signedIn();
      const good = someone.cookies.get(SESSION_COOKIE) ?? "";
      const [header = "", body = "", signature = ""] = good.split(".");
      const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>;
      const sign = (key: Uint8Array, said: Record<string, unknown>, typ = "twinhook-session") =>
        new SignJWT(said).setProtectedHeader({ alg: "HS256", typ }).sign(key);
      const key = sessionKey(github.app.privateKey.trim());
      const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
      const person = { jti: "x", exp: claims.exp, sub: "1", login: "operator" };

      expect(await status(await sign(key, claims))).toBe(200);
      const refused = {
        changed: `${header}.${encode({ ...claims, exp: Number(claims.exp) + 60 })}.${signature}`,
        "made into a person's": `${header}.${encode(person)}.${signature}`,
        "signed by another key": await sign(sessionKey("another private key"), claims),
        over: await sign(key, { ...claims, exp: Math.floor(Date.now() / 1000) - 1 }),
        "without an end": await sign(key, { ...claims, exp: undefined }),
        unsigned: `${encode({ alg: "none", typ: "twinhook-session" })}.${body}.`,
        "of another kind": await sign(key, claims, "twinhook-device"),
        "the device's cookie": someone.cookies.get("twinhook_device") ?? "",
        "opened with a token that is not in force": await sign(key, { ...claims, admin: "x" }),
        "of nobody": await sign(key, { jti: "x", exp: claims.exp }),
        garbage: "a.b.c",
      };
      for (const [what, text] of Object.entries(refused))
        expect([what, await status(text)]).toEqual([what, 401]);
    });

    it("changes nothing without its own token, or from another origin", async () => {
      const [someone, another] = [await signedIn(), await signedIn()];
      const csrf_token = await someone.csrfToken();
      expect(csrf_token).not.toBe("");
      const foreign = await another.csrfToken();
      const attempts: [string, Record<string, string>, Record<string, string | null>][] = [
        ["no token", {}, {}],
        ["another session's token", { csrf_token: foreign }, {}],
        ["no origin", { csrf_token }, { origin: null }],
        ["another origin", { csrf_token }, { origin: "https://evil.example" }],
      ];
      for (const [what, fields, headers] of attempts)
        expect([what, (await someone.post("/sign-out", fields, headers)).status]).toEqual([what, 403]);
      const body = { to: "backup" };
      const others: Record<string, string>[] = [
        { "x-csrf-token": "" },
        { "x-csrf-token": foreign },
        { origin: "https://evil.example" },
      ];
      for (const headers of others)
        expect((await someone.call("POST", "/api/switchover", { body, headers })).status).toBe(403);
      expect(
        (await someone.call("DELETE", "/api/switchover", { headers: { "x-csrf-token": foreign } })).status,
      ).toBe(403);
      expect((await someone.call("DELETE", "/api/switchover")).status).toBe(202);
      // A page of the twin is one of ours, too.
      const headers = { origin: host.url("backup") };
      expect((await someone.call("DELETE", "/api/switchover", { headers })).status).toBe(202);
    });
  });

  describe("without a session", () => {
    it("the API answers 401, and a page sends to the sign-in", async () => {
      for (const path of [
        "/api/deployments",
        "/api/deliveries",
        "/api/status",
        "/api/deployments/dep_x",
        "/api/deployments/dep_x/log",
      ])
        expect([path, (await visitor().get(path)).status]).toEqual([path, 401]);
      for (const path of ["/api/switchover", "/api/deployments/dep_x/cancel", "/api/deployments/dep_x/retry"])
        expect([path, (await visitor().post(path, {})).status]).toEqual([path, 401]);
      const page = await visitor().get("/settings?x=1", PAGE);
      expect([page.status, page.headers.get("location")]).toEqual([
        303,
        "/sign-in?return_to=%2Fsettings%3Fx%3D1",
      ]);
    });

    it("the sign-in page shows both ways, and forbids the browser everything foreign", async () => {
      const page = await visitor().get("/sign-in?return_to=/settings", PAGE);
      expect(page.status).toBe(200);
      expect(page.headers.get("content-security-policy")).toMatch(
        /default-src 'none'; script-src 'self'; style-src 'self'/,
      );
      expect(page.headers.get("content-security-policy")).toMatch(/frame-ancestors 'none'/);
      expect(page.headers.get("x-content-type-options")).toBe("nosniff");
      expect(page.headers.get("referrer-policy")).toBe("same-origin");
      expect(page.headers.get("cache-control")).toBe("no-store");
      const text = await page.text();
      expect(text).toContain("/sign-in/github?return_to=%2Fsettings");
      expect(text).toContain('name="token"');
    });
  });

  describe("with GitHub", () => {
    let ids: { site: string; secret: string };
    beforeAll(async () => {
      const make = async (repository: string) => {
        const body = { repository, sha: "a".repeat(40) };
        const answer = await host.admin("primary", "POST", "/api/deployments", body);
        return ((await answer.json()) as { id: string }).id;
      };
      ids = { site: await make("acme/site"), secret: await make("acme/secret") };
      const { event } = github.completeRun({ repository: "acme/secret", send: false });
      expect((await host.sendEvent("primary", event)).status).toBe(202);
    });

    it("shows a person the repositories to which they may push, and nothing of the others", async () => {
      const pusher = await person("pusher");
      const { items } = (await (await pusher.get("/api/deployments")).json()) as { items: { id: string }[] };
      expect(items.map(({ id }) => id)).toEqual([ids.site]);
      const hidden = (await (await pusher.get("/api/deployments?repository=acme/secret")).json()) as {
        items: [];
      };
      expect(hidden.items).toEqual([]);
      const deliveries = (await (await pusher.get("/api/deliveries")).json()) as {
        items: { repository: string }[];
      };
      expect(new Set(deliveries.items.map(({ repository }) => repository))).toEqual(new Set(["acme/site"]));
      expect((await pusher.get(`/api/deployments/${ids.site}`)).status).toBe(200);
      expect((await pusher.get(`/api/deployments/${ids.site}/log`)).status).toBe(200);
      const unknown = await (await pusher.get("/api/deployments/dep_unknown")).text();
      for (const path of ["", "/log"]) {
        const answer = await pusher.get(`/api/deployments/${ids.secret}${path}`);
        // Whether it exists is not for them to know.
        expect([answer.status, await answer.text()]).toEqual([404, unknown]);
      }
      for (const action of ["cancel", "retry"])
        expect((await pusher.call("POST", `/api/deployments/${ids.secret}/${action}`)).status).toBe(404);
    });

    it("shows them no more on the pages, and on the socket that keeps these up to date", async () => {
      const [pusher, other] = [await person("pusher"), await person("other")];
      for (const path of ["/", "/deployments", "/deliveries", "/deployments?repository=acme/secret"]) {
        const shown = await (await pusher.get(path, PAGE)).text();
        expect([path, shown.includes(ids.secret), /acme\/secret(?!")/.test(shown)]).toEqual([
          path,
          false,
          false,
        ]);
      }
      expect(await (await other.get("/deployments", PAGE)).text()).toContain(ids.secret);
      expect((await pusher.get(`/deployments/${ids.site}`, PAGE)).status).toBe(200);
      expect((await pusher.get(`/deployments/${ids.secret}`, PAGE)).status).toBe(404);

      const cookie = [...pusher.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
      const live = (headers: Record<string, string>) =>
        new WebSocket(host.url("primary", "/live").replace("http", "ws"), { headers });
      const told = live({ cookie, origin: host.url("primary") });
      const messages: string[] = [];
      told.on("message", (data) => messages.push(String(data)));
      await once(told, "message");
      const deploy = async (repository: string) => {
        const answer = await host.admin("primary", "POST", "/api/deployments", {
          repository,
          sha: "d".repeat(40),
        });
        return ((await answer.json()) as { id: string }).id;
      };
      const hidden = await deploy("acme/secret");
      await host.deployment("primary", hidden, ({ status }) => status === "succeeded");
      const visible = await deploy("acme/site");
      await expect.poll(() => messages.some((text) => text.includes(visible))).toBe(true);
      expect(messages.filter((text) => text.includes(hidden) || text.includes("acme/secret"))).toEqual([]);
      told.close();

      for (const headers of [
        {},
        { cookie, origin: "https://evil.example" },
        { cookie: `${SESSION_COOKIE}=x`, origin: host.url("primary") },
      ]) {
        const refused = live(headers as Record<string, string>);
        const [, answer] = (await once(refused, "unexpected-response")) as [unknown, { statusCode: number }];
        expect([401, 403]).toContain(answer.statusCode);
        // It tells that it never opened, as it should.
        refused.on("error", () => {});
        refused.terminate();
      }
    });

    it("lets only those cancel, retry and deploy who are admins of the repository", async () => {
      const wanted = { repository: "acme/site", sha: "b".repeat(40) };
      const [pusher, boss] = [await person("pusher"), await person("boss")];
      for (const action of ["cancel", "retry"])
        expect((await pusher.call("POST", `/api/deployments/${ids.site}/${action}`)).status).toBe(403);
      expect((await pusher.call("POST", "/api/deployments", { body: wanted })).status).toBe(403);
      expect(
        (await boss.call("POST", "/api/deployments", { body: wanted, headers: { "x-csrf-token": "" } }))
          .status,
      ).toBe(403);
      const made = await boss.call("POST", "/api/deployments", { body: wanted });
      expect(made.status).toBe(202);
      const { id } = (await made.json()) as { id: string };
      await host.deployment("primary", id, ({ status }) => status === "succeeded");
      // Allowed; it is only that there is nothing (any more) to cancel and to retry.
      for (const action of ["cancel", "retry"])
        expect((await boss.call("POST", `/api/deployments/${id}/${action}`)).status).toBe(409);
      const foreign = { repository: "acme/secret", sha: "b".repeat(40) };
      expect((await boss.call("POST", "/api/deployments", { body: foreign })).status).toBe(404);
    });

    it("counts in the status only what the person may see", async () => {
      const status = async (someone: Visitor) =>
        (await (await someone.get("/api/status")).json()) as {
          verification: { requested: number };
          active: string;
        };
      const request = (repository: string, environment: string) => ({
        repository,
        environment,
        run_id: github.completeRun({ repository, send: false }).run.id,
        run_attempt: 1,
        sha: "c".repeat(40),
        ref: "refs/heads/main",
        workflow: ".github/workflows/ci.yml",
      });
      expect((await host.request("primary", request("acme/secret", "vault"))).status).toBe(202);
      expect(await status(await person("pusher"))).toMatchObject({
        verification: { requested: 0 },
        active: "primary",
      });
      expect(await status(await person("other"))).toMatchObject({ verification: { requested: 1 } });
    });

    it("lets nobody switch over but those named in `admins`, in whatever spelling", async () => {
      const boss = await person("boss");
      for (const method of ["POST", "DELETE"])
        expect((await boss.call(method, "/api/switchover", { body: { to: "primary" } })).status).toBe(403);
      const operator = await person("operator");
      expect((await operator.call("DELETE", "/api/switchover")).status).toBe(202);
      const { items } = (await (await operator.get("/api/deployments")).json()) as { items: unknown[] };
      expect(items).toEqual([]);
    });

    it.each(["reader", "bystander", "nobody"])(
      "refuses %s, who may push to no repository with a target",
      async (login) => {
        github.settings.signedInAs = login;
        const someone = visitor();
        const answer = await someone.signInWithGitHub();
        expect(answer.status).toBe(403);
        expect(await answer.text()).toContain(`may not push to any repository`);
        expect(someone.cookies.has(SESSION_COOKIE)).toBe(false);
      },
    );

    it("gives GitHub's token back as soon as it knows who it is", async () => {
      const before = github.requests.length;
      await person("pusher");
      const calls = github.requests.slice(before).map(({ method, path, status }) => [method, path, status]);
      expect(calls).toContainEqual(["DELETE", `/applications/${github.app.clientId}/token`, 204]);
    });

    it("refuses a way back that was not begun in this browser, or with another state, or twice", async () => {
      github.settings.signedInAs = "pusher";
      const victim = visitor();
      const begun = await victim.get("/sign-in/github");
      const there = new URL(begun.headers.get("location") ?? "");
      expect(there.searchParams.get("code_challenge_method")).toBe("S256");
      expect(there.searchParams.get("redirect_uri")).toBe(host.url("primary", "/sign-in/github/callback"));
      const back = (await fetch(there, { redirect: "manual" })).headers.get("location") ?? "";

      expect((await visitor().get(back)).status).toBe(403);
      expect((await victim.get(back.replace(/state=[^&]+/, "state=another"))).status).toBe(403);
      const other = visitor();
      await other.get("/sign-in/github");
      // Someone else's code, slipped into a flow of one's own: the verifier does not fit.
      const flow = await other.get("/sign-in/github");
      const state = new URL(flow.headers.get("location") ?? "").searchParams.get("state");
      expect((await other.get(back.replace(/state=[^&]+/, `state=${state}`))).status).toBe(403);

      const held = victim.cookies.get("twinhook_sign_in") ?? "";
      expect(FLOW_LIFE_MS).toBeLessThanOrEqual(600_000);
      expect((await victim.get(back)).status).toBe(303);
      victim.cookies.set("twinhook_sign_in", held);
      expect((await victim.get(back)).status).toBe(403);
    });

    it("says what is wrong when GitHub is away, or the person cancelled", async () => {
      const someone = visitor();
      const there = new URL((await someone.get("/sign-in/github")).headers.get("location") ?? "");
      const state = there.searchParams.get("state");
      const cancelled = await someone.get(`/sign-in/github/callback?error=access_denied&state=${state}`);
      expect([cancelled.status, /cancelled/.test(await cancelled.text())]).toEqual([403, true]);
      await github.goDown();
      try {
        const answer = await someone.get(`/sign-in/github/callback?code=x&state=${state}`);
        expect(answer.status).toBe(502);
        expect(await answer.text()).toContain("GitHub cannot be asked");
      } finally {
        await github.comeBack();
      }
    });
  });

  it("ends a session also while GitHub cannot be asked for its owner's rights", async () => {
    const pusher = await person("pusher");
    await github.goDown();
    try {
      const answer = await pusher.post("/sign-out", { csrf_token: pusher.csrf ?? "" });
      expect([answer.status, answer.headers.get("location")]).toEqual([303, "/sign-in"]);
    } finally {
      await github.comeBack();
    }
  });

  // Uses up the tries of unknown browsers: the last of this file.
  it("counts wrong tokens, and lets the right one in however many strangers have tried", async () => {
    const known = await signedIn();
    /** What is answered once this browser has guessed too often. */
    const refusedTo = async (browser: () => Visitor) => {
      for (let guesses = 0; guesses < 40; guesses++) {
        const answer = await browser().signInWithToken(`guess ${guesses}`);
        if (answer.status === 429) return answer;
      }
      throw new Error("it could guess as often as it liked");
    };
    const refused = await refusedTo(visitor);
    expect(await refused.text()).toMatch(/browsers that never signed in here tried too often/i);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await visitor().signInWithToken(ADMIN_TOKEN)).status).toBe(303);
    // The other way in is as open as before.
    await person("pusher");
    expect(await (await refusedTo(() => known)).text()).toMatch(/this browser tried to sign in too often/i);
    expect((await known.signInWithToken(ADMIN_TOKEN)).status).toBe(303);
  });
});

describe("signing in by https", () => {
  it("keeps the cookies from http, behind a proxy that names another host as well", async () => {
    const github = awayGitHub();
    const port = await freePort();
    const url = "https://deploy.example.com";
    const host = await TestHost.create({
      github,
      instances: ["primary"],
      config: { instances: [{ name: "primary", url, listen: `127.0.0.1:${port}` }] },
    });
    onTestFinished(() => host.close());
    await host.startInProcess("primary");
    const someone = new Visitor(`http://127.0.0.1:${port}`);
    const token = { token: ADMIN_TOKEN };
    expect((await someone.post("/sign-in", token)).status).toBe(403);
    expect((await someone.post("/sign-in", token, { origin: url })).status).toBe(303);
    for (const cookie of [SESSION_COOKIE, "twinhook_device"])
      expect(someone.attributes.get(cookie)).toMatch(/; HttpOnly; Secure; SameSite=Lax$/);
  });
});
