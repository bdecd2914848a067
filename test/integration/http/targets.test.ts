import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keyed, sessionKey } from "../../../app/auth/session-key.ts";
import { SESSION_COOKIE } from "../../../app/auth/sign-in.ts";
import type { TargetAnswer } from "../../../app/reads/answers/target.ts";
import type { Deployment } from "../../../shared/deployment.ts";
import { eventually } from "../../helpers/eventually.ts";
import { parseExposition } from "../../helpers/exposition.ts";
import { ADMIN_TOKEN, TestHost } from "../../helpers/test-host.ts";
import { Visitor } from "../../helpers/visitor.ts";
import { type GitHub, startGitHub } from "../../simulator/simulator.ts";

const PATH = "/api/targets/acme/site/production";
let github: GitHub;
let host: TestHost;

beforeAll(async () => {
  github = await startGitHub();
  github.addRepository("acme/site");
  github.repository("acme/site").collaborators.set("pusher", "write").set("boss", "admin");
  host = await TestHost.create({
    github,
    instances: ["primary"],
    targets: [{ queue: "latest" }, { environment: "staging", workflow: ".github/workflows/other.yml" }],
  });
  await host.startInProcess("primary");
});
afterAll(async () => {
  await host.close();
  await github.close();
});

let runId = 5_000;
const run = async (): Promise<string> => {
  const { event } = github.completeRun({ repository: "acme/site", runId: ++runId, send: false });
  const answer = await host.sendEvent("primary", event);
  return ((await answer.json()) as { deployments: { id: string }[] }).deployments[0]?.id ?? "";
};
const becomes = (id: string, status: Deployment["status"]) =>
  host.deployment("primary", id, (deployment) => deployment.status === status);
const call = async (method: string, path: string, body?: unknown) => {
  const answer = await host.admin("primary", method, path, body);
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
};
const targets = async () => (await call("GET", "/api/targets")).json.items as TargetAnswer[];
const heldMetric = async () => {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const text = await (await fetch(host.url("primary", "/metrics"), { headers })).text();
  return parseExposition(text).value("twinhook_target_held", {
    repository: "acme/site",
    target: "production",
  });
};
const person = async (login: string) => {
  github.settings.signedInAs = login;
  const someone = new Visitor(host.url("primary"));
  await someone.signInWithGitHub();
  const { jti = "" } = decodeJwt(someone.cookies.get(SESSION_COOKIE) ?? "");
  someone.csrf = keyed(sessionKey(github.app.privateKey.trim()), "csrf", jti);
  return someone;
};

describe("/api/targets", () => {
  it("rolls back and holds, shows what waits, and deploys only the newest once released", async () => {
    const first = await becomes(await run(), "succeeded");
    const second = await becomes(await run(), "succeeded");
    const done = await call("POST", `${PATH}/rollback`, { to: "previous", reason: "second is broken" });
    expect([done.status, done.json.sha, done.json.source]).toEqual([202, first.sha, "manual"]);
    await becomes(done.json.id as string, "succeeded");
    const waiting = [await run(), await run(), await run()];
    const [target] = await targets();
    expect(target).toMatchObject({
      repository: "acme/site",
      name: "production",
      environment: "production",
      live: { deployment: done.json.id, sha: first.sha, ref: "refs/heads/main", hosts: [] },
      held: {
        by: "admin token",
        reason: expect.stringMatching(/rolled back to .*: second is broken/),
        until: null,
      },
      queued: 3,
      running: 0,
      approval: "none",
      hosts: "any",
    });
    expect((await call("GET", "/api/status")).json.targets).toEqual(await targets());
    expect(await heldMetric()).toBe(1);

    const released = await call("DELETE", `${PATH}/hold`);
    expect(released).toEqual({
      status: 202,
      json: { repository: "acme/site", target: "production", held: null },
    });
    await becomes(waiting[2] as string, "succeeded");
    for (const id of waiting.slice(0, 2)) await becomes(id as string, "superseded");
    expect(await heldMetric()).toBe(0);
    expect(second.sha).not.toBe(first.sha);

    const someone = new Visitor(host.url("primary"));
    await someone.signInWithToken(ADMIN_TOKEN);
    const page = await (await someone.get("/settings", { accept: "text/html" })).text();
    expect(page).toContain("production of acme/site to previous: second is broken");
    expect(page).toContain(`${first.sha.slice(0, 12)} is deployed again: ${done.json.id}`);
    expect(page).toContain("released; admin token held it since");
  });

  it("goes on by itself when the hold's time is over", async () => {
    const until = new Date(Date.now() + 1_500).toISOString();
    const held = await call("POST", `${PATH}/hold`, { reason: "a short freeze", until });
    expect([held.status, held.json.held]).toMatchObject([
      202,
      { by: "admin token", reason: "a short freeze", until },
    ]);
    await becomes(await run(), "succeeded");
    await eventually(async () => expect((await targets())[0]?.held).toBeNull());
  });

  it("answers 200 and does nothing where the commit is live", async () => {
    const live = await becomes(await run(), "succeeded");
    const done = await call("POST", `${PATH}/rollback`, { to: live.sha });
    expect([done.status, done.json.id, done.json.duplicate]).toEqual([200, live.id, true]);
    expect((await targets())[0]?.held).toBeNull();
  });

  it.each([
    [
      "a hold in the past",
      "hold",
      { reason: "x", until: "2020-01-01T00:00:00Z" },
      422,
      /until: expected a time in the future, got 2020-.*null/,
    ],
    [
      "a hold until something that is no time",
      "hold",
      { reason: "x", until: "soon" },
      422,
      /until: .*such as/,
    ],
    ["a hold without a reason", "hold", { reason: " " }, 422, /reason: .*expected/],
    ["a rollback to nothing", "rollback", { to: "main" }, 422, /to: .*"previous" or/],
    [
      "a rollback to a commit that never succeeded",
      "rollback",
      { to: "f".repeat(40) },
      409,
      /never succeeded on production of acme\/site.*"force": true/,
    ],
    ["a rollback to no deployment", "rollback", { to: "dep_0" }, 404, /no deployment dep_0/],
  ])("refuses %s with its remedy", async (_, act, body, status, detail) => {
    const answer = await call("POST", `${PATH}/${act}`, body);
    expect([answer.status, answer.json.detail]).toEqual([status, expect.stringMatching(detail)]);
  });

  it("lets only admins of the repository act, and shows people only their repositories", async () => {
    const anyone = await fetch(host.url("primary", `${PATH}/hold`), { method: "POST" });
    expect(anyone.status).toBe(401);
    const [pusher, boss] = [await person("pusher"), await person("boss")];
    for (const [method, act] of [
      ["POST", "hold"],
      ["DELETE", "hold"],
      ["POST", "rollback"],
    ] as const)
      expect((await pusher.call(method, `${PATH}/${act}`, { body: { reason: "x" } })).status).toBe(403);
    expect((await boss.call("POST", `${PATH}/hold`, { body: { reason: "x" } })).status).toBe(202);
    expect((await targets())[0]?.held?.by).toBe("boss");
    expect((await boss.call("DELETE", `${PATH}/hold`)).status).toBe(202);
    expect((await call("POST", "/api/targets/acme/site/moon/hold", { reason: "x" })).status).toBe(404);
  });
});
