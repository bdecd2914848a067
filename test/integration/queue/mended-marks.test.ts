import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keyed, sessionKey } from "../../../app/auth/session-key.ts";
import { SESSION_COOKIE } from "../../../app/auth/sign-in.ts";
import type { Deployment } from "../../../shared/deployment.ts";
import { ENGINES, newDatabaseUrl } from "../../helpers/stores.ts";
import { ADMIN_TOKEN, TestHost } from "../../helpers/test-host.ts";
import { Visitor } from "../../helpers/visitor.ts";
import { type GitHub, startGitHub } from "../../simulator/simulator.ts";

const pathOf = (environment: string) => `.github/workflows/${environment}.yml`;

describe.each(ENGINES)("a target's mark, with the store on %s", (engine) => {
  let github: GitHub;
  let host: TestHost;

  beforeAll(async () => {
    github = await startGitHub();
    github.addRepository("acme/site");
    github.repository("acme/site").collaborators.set("pusher", "write").set("boss", "admin");
    host = await TestHost.create({
      github,
      instances: ["primary"],
      store: await newDatabaseUrl(engine),
      targets: ["restored", "raised", "held"].map((environment) => ({
        environment,
        workflow: pathOf(environment),
        env: environment === "held" ? { UNTIL_FILE: "open" } : {},
      })),
    });
    await host.startInProcess("primary");
  });
  afterAll(async () => {
    await host.close();
    await github.close();
  });

  /** Sends the event of a run, and tells which deployment came of it. */
  const run = async (environment: string, runId: number): Promise<string> => {
    const path = pathOf(environment);
    const { event } = github.completeRun({ repository: "acme/site", runId, path, send: false });
    for (;;) {
      const answer = await host.sendEvent("primary", event);
      const { deployments } = (await answer.json()) as { deployments?: { id: string }[] };
      // On a busy machine a commit may take longer than GitHub would wait for it (503).
      if (deployments) return deployments[0]?.id ?? "";
    }
  };
  const becomes = (id: string, status: Deployment["status"]) =>
    host.deployment("primary", id, (deployment) => deployment.status === status);
  const setMark = (target: string, body: unknown) =>
    host.admin("primary", "POST", `/api/targets/acme/site/${target}/mark`, body);
  const person = async (login: string) => {
    github.settings.signedInAs = login;
    const someone = new Visitor(host.url("primary"));
    await someone.signInWithGitHub();
    const { jti = "" } = decodeJwt(someone.cookies.get(SESSION_COOKIE) ?? "");
    someone.csrf = keyed(sessionKey(github.app.privateKey.trim()), "csrf", jti);
    return someone;
  };

  it("is lowered by an admin after GitHub's server was restored, and later events deploy again", async () => {
    await becomes(await run("restored", 9_000_000), "succeeded");
    await becomes(await run("restored", 5_000), "superseded");
    const answer = await setMark("restored", { run_id: 5_000, reason: "GitHub was restored" });
    expect([answer.status, await answer.json()]).toEqual([
      202,
      {
        repository: "acme/site",
        target: "restored",
        run_id: 5_000,
        previous_run_id: 9_000_000,
        reason: "GitHub was restored",
      },
    ]);
    await becomes(await run("restored", 5_001), "succeeded");
    await becomes(await run("restored", 4_999), "superseded");
  });

  it("is raised by an admin, and earlier runs deploy no more", async () => {
    expect((await setMark("raised", { run_id: 700, reason: "700 was deployed by hand" })).status).toBe(202);
    await becomes(await run("raised", 699), "superseded");
    await becomes(await run("raised", 700), "succeeded");
  });

  it("supersedes deployments that wait below it as soon as something is claimed", async () => {
    const [first, second, third] = [await run("held", 1), await run("held", 2), await run("held", 3)];
    await becomes(first, "running");
    expect((await setMark("held", { run_id: 3, reason: "2 must not be deployed" })).status).toBe(202);
    expect((await becomes(second, "queued")).id).toBe(second);
    writeFileSync(join(host.siteDirectory, "open"), "");
    await becomes(third, "succeeded");
    await becomes(second, "superseded");
  });

  it("supersedes deployments that wait below it although nothing is left to deploy", async () => {
    const hold = await setMark("raised", { run_id: 800, reason: "a test" });
    expect(hold.status).toBe(202);
    await becomes(await run("raised", 799), "superseded");
  });

  it.each([
    ["no body", undefined],
    ["no run", { reason: "why" }],
    ["a run of text", { run_id: "5", reason: "why" }],
    ["a run that no number can hold", { run_id: 2 ** 53, reason: "why" }],
    ["no reason", { run_id: 5 }],
    ["an empty reason", { run_id: 5, reason: " " }],
  ])("is left as it is by a request with %s (422)", async (_, body) => {
    const answer = await setMark("raised", body);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([422, "application/problem+json"]);
  });

  it("is nobody's but an admin's of the repository", async () => {
    const path = "/api/targets/acme/site/raised/mark";
    const body = { run_id: 1, reason: "because" };
    const anyone = await fetch(host.url("primary", path), { method: "POST", body: JSON.stringify(body) });
    expect(anyone.status).toBe(401);
    expect((await (await person("pusher")).call("POST", path, { body })).status).toBe(403);
    expect((await setMark("moon", body)).status).toBe(404);
    expect((await (await person("boss")).call("POST", path, { body })).status).toBe(202);
  });

  it("is on the list of what people did, with who, why and what it was", async () => {
    await setMark("raised", { run_id: 900, reason: "for the list" });
    const someone = new Visitor(host.url("primary"));
    await someone.signInWithToken(ADMIN_TOKEN);
    const page = await (await someone.get("/settings", { accept: "text/html" })).text();
    expect(page).toContain("raised of acme/site: for the list");
    expect(page).toMatch(/the mark is the run 900; it was \d+/);
  });
});
