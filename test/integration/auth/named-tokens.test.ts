import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { TokenAnswer, TokenMadeAnswer } from "../../../app/reads/answers/token.ts";
import type { Deployment } from "../../../shared/deployment.ts";
import { eventually } from "../../helpers/eventually.ts";
import type { InProcessInstance } from "../../helpers/in-process-instance.ts";
import { ADMIN_TOKEN, TestHost } from "../../helpers/test-host.ts";
import { Visitor } from "../../helpers/visitor.ts";
import { type GitHub, startGitHub } from "../../simulator/simulator.ts";

const DEPLOY = "deploy:acme/site/production";
const TARGET = "/api/targets/acme/site/production";
const OTHER = "/api/targets/acme/site/staging";
const PAGE = { accept: "text/html" };
let github: GitHub;
let host: TestHost;
let instance: InProcessInstance;

beforeAll(async () => {
  github = await startGitHub();
  github.addRepository("acme/site");
  host = await TestHost.create({
    github,
    instances: ["primary"],
    targets: [{}, { environment: "staging" }],
    config: { alerts: [{ type: "slack", url_env: "ALERTS_URL" }] },
    env: { ALERTS_URL: "http://127.0.0.1:9/", LOG_LEVEL: "trace" },
  });
  instance = await host.startInProcess("primary");
});
afterAll(async () => {
  await host.close();
  await github.close();
});

async function call(token: string, method: string, path: string, body?: unknown) {
  const answer = await fetch(host.url("primary", path), {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const isJson = answer.headers.get("content-type")?.includes("json") === true;
  return { status: answer.status, text, json: isJson ? JSON.parse(text) : undefined };
}
let made = 0;
/** Makes a token with these scopes. */
async function token(...scopes: string[]): Promise<string> {
  const answer = await call(ADMIN_TOKEN, "POST", "/api/tokens", { name: `bot-${++made}`, scopes });
  expect([answer.status, answer.text]).toEqual([201, expect.stringMatching(/"token":"twh_[0-9a-f]{64}"/)]);
  return (answer.json as TokenMadeAnswer).token;
}
const deploy = (environment: string) => ({
  repository: "acme/site",
  environment,
  sha: "a".repeat(40),
});
/** A deployment of this environment that has ended. */
async function deployed(environment: string): Promise<Deployment> {
  const { json } = await call(ADMIN_TOKEN, "POST", "/api/deployments", deploy(environment));
  return host.deployment("primary", json.id, ({ status }) => status === "succeeded");
}
/** Every call that reads what needs rights, and every call that changes something, with the status when it is allowed. */
const READS = ["deployments", "deliveries", "status", "targets", "tokens"].map((name) => `/api/${name}`);
const CHANGES: [method: string, path: string, body: unknown, status: number][] = [
  ["POST", "/api/switchover", { to: "primary", force: true }, 202],
  ["DELETE", "/api/switchover", undefined, 202],
  ["POST", "/api/alerts/test", undefined, 202],
  ["POST", `${OTHER}/hold`, { reason: "a test" }, 202],
  ["DELETE", `${OTHER}/hold`, undefined, 202],
  ["POST", `${OTHER}/rollback`, { to: "a".repeat(40) }, 200],
  ["POST", `${TARGET}/mark`, { run_id: 1, reason: "a test" }, 202],
  ["POST", "/api/deployments", deploy("staging"), 202],
  ["POST", "/api/tokens", { name: "by-a-token", scopes: ["read"] }, 201],
  ["DELETE", "/api/tokens/by-a-token", undefined, 200],
];
/** What a named token may not do says which scope is missing, and where to get it. */
const forbidden = (needs: string) => ({
  status: 403,
  json: {
    detail: expect.stringMatching(
      new RegExp(`this needs ${needs}.*; make a token with that scope at /settings`),
    ),
  },
});

describe("a token with the scope", () => {
  it("`read` reads everything, and changes nothing", async () => {
    const reader = await token("read");
    const { id } = await deployed("staging");
    for (const path of [...READS, "/metrics", `/api/deployments/${id}`, `/api/deployments/${id}/log`])
      expect([path, (await call(reader, "GET", path)).status]).toEqual([path, 200]);
    for (const [method, path, body] of CHANGES)
      expect([path, await call(reader, method, path, body)]).toMatchObject([
        path,
        forbidden("(admin|deploy:)"),
      ]);
    for (const act of ["cancel", "retry"])
      expect(await call(reader, "POST", `/api/deployments/${id}/${act}`)).toMatchObject(
        forbidden("deploy:acme/site/staging or admin"),
      );
  });

  it("`deploy:…` acts on its target alone, and sees that alone", async () => {
    const deployer = await token(DEPLOY);
    const other = await deployed("staging");
    const asked = await call(deployer, "POST", "/api/deployments", deploy("production"));
    expect(asked.status).toBe(202);
    const { id } = asked.json as Deployment;
    await host.deployment("primary", id, ({ status }) => status === "succeeded");
    expect((await call(deployer, "GET", `/api/deployments/${id}?wait=1`)).json).toMatchObject({ id });
    expect((await call(deployer, "GET", `/api/deployments/${id}/log`)).status).toBe(200);
    for (const [method, path, body, status] of [
      ["POST", `${TARGET}/hold`, { reason: "a test" }, 202],
      ["DELETE", `${TARGET}/hold`, undefined, 202],
      ["POST", `${TARGET}/rollback`, { to: "a".repeat(40) }, 200],
      // They have ended well, which the right says nothing about.
      ["POST", `/api/deployments/${id}/cancel`, undefined, 409],
      ["POST", `/api/deployments/${id}/retry`, undefined, 409],
    ] as const)
      expect([path, (await call(deployer, method, path, body)).status]).toEqual([path, status]);

    const { items } = (await call(deployer, "GET", "/api/targets")).json as { items: { name: string }[] };
    expect(items.map(({ name }) => name)).toEqual(["production"]);
    for (const path of ["/api/deployments", "/api/deliveries", "/api/status", "/api/tokens", "/metrics"])
      expect([path, await call(deployer, "GET", path)]).toMatchObject([path, forbidden("read")]);
    for (const path of [`/api/deployments/${other.id}`, `/api/deployments/${other.id}/log`])
      expect([path, await call(deployer, "GET", path)]).toMatchObject([path, forbidden("read or deploy:")]);
    for (const [method, path, body] of CHANGES)
      expect([path, await call(deployer, method, path, body)]).toMatchObject([path, forbidden("")]);
    for (const act of ["cancel", "retry"])
      expect(await call(deployer, "POST", `/api/deployments/${other.id}/${act}`)).toMatchObject(
        forbidden("read or"),
      );
  });

  it("`admin` does everything, and the audit list names it", async () => {
    const admin = await token("admin");
    await deployed("staging");
    for (const [method, path, body, status] of CHANGES)
      await eventually(async () =>
        expect([path, (await call(admin, method, path, body)).status]).toEqual([path, status]),
      );
    for (const path of READS) expect((await call(admin, "GET", path)).status).toBe(200);
    const person = new Visitor(host.url("primary"));
    await person.signInWithToken(ADMIN_TOKEN);
    const page = await (await person.get("/settings", PAGE)).text();
    expect(page).toMatch(new RegExp(`<bdi>token bot-${made}</bdi></td>\\s*<td>token creation`));
  });
});

describe("a named token", () => {
  it("watches changes on the WebSocket where it may read, and not elsewhere", async () => {
    const statusOf = (bearer: string) =>
      new Promise<number>((resolve) => {
        const headers = { authorization: `Bearer ${bearer}` };
        const socket = new WebSocket(host.url("primary", "/live").replace("http", "ws"), { headers });
        socket.on("error", () => {});
        socket.on("unexpected-response", (_, { statusCode = 0 }) => resolve(statusCode));
        socket.on("open", () => {
          socket.close();
          resolve(101);
        });
      });
    expect(await statusOf(await token("read"))).toBe(101);
    expect(await statusOf(await token(DEPLOY))).toBe(403);
    expect(await statusOf(`twh_${"0".repeat(64)}`)).toBe(401);
  });

  it("is 401 from its revocation on, and opens no session", async () => {
    const bearer = await token("admin");
    const person = new Visitor(host.url("primary"));
    expect((await person.signInWithToken(bearer)).status).toBe(401);
    expect((await call(bearer, "GET", "/api/status")).status).toBe(200);
    const revoked = await call(bearer, "DELETE", `/api/tokens/bot-${made}`);
    expect([revoked.status, revoked.json]).toMatchObject([200, { name: `bot-${made}`, scopes: ["admin"] }]);
    for (const path of ["/api/status", "/metrics", "/api/deployments/dep_0"])
      expect([path, await call(bearer, "GET", path)]).toMatchObject([
        path,
        { status: 401, json: { detail: expect.stringContaining("named token that is not revoked") } },
      ]);
    expect((await call(ADMIN_TOKEN, "DELETE", `/api/tokens/bot-${made}`)).status).toBe(404);
  });

  it("is in no log and not in the store, which notes when it was used", async () => {
    const bearer = await token("read");
    const name = `bot-${made}`;
    await call(bearer, "GET", "/api/status");
    await call(bearer, "POST", "/api/switchover", { to: "primary" });
    await eventually(async () => {
      const { items } = (await call(bearer, "GET", "/api/tokens")).json as { items: TokenAnswer[] };
      expect(items.find((one) => one.name === name)?.last_used_at).toEqual(expect.any(String));
    });
    const files = readdirSync(host.stateDirectory).filter((file) => file.startsWith("twinhook.db"));
    const stored = files.map((file) => readFileSync(join(host.stateDirectory, file), "latin1")).join("");
    expect(stored).toContain(name);
    expect(stored).not.toMatch(/twh_[0-9a-f]/);
    expect(instance.output).not.toMatch(/twh_[0-9a-f]/);
  });
});

describe("a request for a token is refused with its remedy", () => {
  it.each<[string, Record<string, unknown>, number, RegExp]>([
    [
      "an unknown scope",
      { scopes: ["write"] },
      422,
      /scopes: expected read, deploy:.* or admin, got "write"/,
    ],
    [
      "a target that does not exist",
      { scopes: ["deploy:acme/site/moon"] },
      422,
      /no target for "deploy:acme\/site\/moon"; expected one of deploy:acme\/site\/production, deploy/,
    ],
    ["no scope", { scopes: [] }, 422, /scopes: .*expected/],
    ["a name with a space", { name: "ci bot" }, 422, /name: expected 1 to 63 letters/],
    [
      "an end in the past",
      { expires_at: "2020-01-01T00:00:00Z" },
      422,
      /expires_at: expected a time in the future/,
    ],
    ["a name that is taken", { name: "taken" }, 409, /a token taken already; .*revoke/],
  ])("for %s", async (_, changes, status, detail) => {
    await call(ADMIN_TOKEN, "POST", "/api/tokens", { name: "taken", scopes: ["read"] });
    const body = { name: "new", scopes: ["read"], ...changes };
    const answer = await call(ADMIN_TOKEN, "POST", "/api/tokens", body);
    expect([answer.status, answer.json.detail]).toEqual([status, expect.stringMatching(detail)]);
  });
});

it("the settings make a token, show it once, and revoke it", async () => {
  const person = new Visitor(host.url("primary"));
  await person.signInWithToken(ADMIN_TOKEN);
  const csrf_token = await person.csrfToken();
  const form = await (await person.get("/settings/tokens/new", PAGE)).text();
  expect(form).toContain(`name="scope ${DEPLOY}"`);
  const nothing = await person.post("/settings/tokens", { csrf_token, name: "page-bot" }, PAGE);
  expect([nothing.status, await nothing.text()]).toEqual([422, expect.stringContaining("Choose what")]);
  const fields = { csrf_token, name: "page-bot", [`scope ${DEPLOY}`]: "1", days: "30" };
  const shown = await person.post("/settings/tokens", fields, PAGE);
  const bearer = /twh_[0-9a-f]{64}/.exec(await shown.text())?.[0] ?? "";
  expect([shown.status, shown.headers.get("cache-control")]).toEqual([200, "no-store"]);
  expect((await call(bearer, "GET", "/api/targets")).status).toBe(200);

  const page = await (await person.get("/settings", PAGE)).text();
  expect(page).toContain("page-bot");
  expect(page).not.toContain("twh_");
  const done = await person.post("/settings/token-revocation", { csrf_token, name: "page-bot" }, PAGE);
  expect(done.status).toBe(303);
  expect((await call(bearer, "GET", "/api/targets")).status).toBe(401);
  const again = await person.post("/settings/token-revocation", { csrf_token, name: "page-bot" }, PAGE);
  expect([again.status, await again.text()]).toEqual([404, expect.stringContaining("no token page-bot")]);
});
