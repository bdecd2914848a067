import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keyed, sessionKey } from "../../../app/auth/session-key.ts";
import { SESSION_COOKIE } from "../../../app/auth/sign-in.ts";
import type { TargetAnswer } from "../../../app/reads/answers/target.ts";
import type { Deployment } from "../../../shared/deployment.ts";
import { ADMIN_TOKEN, TestHost } from "../../helpers/test-host.ts";
import { Visitor } from "../../helpers/visitor.ts";
import { type GitHub, startGitHub } from "../../simulator/simulator.ts";

const HTML = { accept: "text/html" };
const PATH = "/targets/acme/site/production";
const STAGING = "/targets/acme/site/staging%2Feu";
let github: GitHub;
let host: TestHost;
let admin: Visitor;

beforeAll(async () => {
  github = await startGitHub();
  github.addRepository("acme/site").collaborators.set("pusher", "write").set("boss", "admin");
  host = await TestHost.create({
    github,
    instances: ["primary"],
    targets: [{ queue: "latest" }, { environment: "staging/eu", workflow: ".github/workflows/other.yml" }],
  });
  await host.startInProcess("primary");
  admin = new Visitor(host.url("primary"));
  await admin.signInWithToken(ADMIN_TOKEN);
});
afterAll(async () => {
  await host.close();
  await github.close();
});

let runId = 7_000;
const run = async (): Promise<string> => {
  const { event } = github.completeRun({ repository: "acme/site", runId: ++runId, send: false });
  const answer = await host.sendEvent("primary", event);
  return ((await answer.json()) as { deployments: { id: string }[] }).deployments[0]?.id ?? "";
};
const becomes = (id: string, status: Deployment["status"]) =>
  host.deployment("primary", id, (deployment) => deployment.status === status);
const deploy = async () => becomes(await run(), "succeeded");
const target = async () => {
  const answer = await host.admin("primary", "GET", "/api/targets");
  return ((await answer.json()) as { items: TargetAnswer[] }).items[0] as TargetAnswer;
};
/** The text of a page, with its spaces as a reader sees them. */
const page = async (path: string, someone = admin) => {
  const answer = await someone.get(path, HTML);
  return { status: answer.status, text: (await answer.text()).replaceAll(/\s+/g, " ") };
};
/** Sends the form of a command. */
const act = async (command: string, fields: Record<string, string>, someone = admin) => {
  const sent = { csrf_token: await someone.csrfToken("/"), ...fields };
  const answer = await someone.post(`${PATH}/${command}`, sent, HTML);
  const text = (await answer.text()).replaceAll(/\s+/g, " ");
  return { status: answer.status, location: answer.headers.get("location"), text };
};
const release = () => act("release", {});
const person = async (login: string) => {
  github.settings.signedInAs = login;
  const someone = new Visitor(host.url("primary"));
  await someone.signInWithGitHub();
  const { jti = "" } = decodeJwt(someone.cookies.get(SESSION_COOKIE) ?? "");
  someone.csrf = keyed(sessionKey(github.app.privateKey.trim()), "csrf", jti);
  return someone;
};

describe("the page of a target", () => {
  it("shows what is live, the figures of the API, and the recent deployments", async () => {
    expect((await page(PATH)).text).toContain("Nothing has been deployed here yet.");
    await deploy();
    const { id, sha } = await deploy();
    const { text } = await page(PATH);
    expect(text).toContain(`<span>Live: <a class="mono" href="${github.url}/acme/site/commit/${sha}">`);
    expect(text).toContain(`since <a href="/deployments/${id}">`);
    expect(text).toContain("0 of the last 2 that ended (0 %)");
    const { recent } = await target();
    expect(recent).toEqual({
      succeeded: 2,
      failed: 0,
      failure_rate: 0,
      median_live_ms: expect.any(Number),
    });
    expect((await page("/")).text).toContain(`href="${PATH}"`);
    expect((await page(`/deployments/${id}`)).text).toContain(`href="${PATH}"`);
    expect((await page("/")).text).toContain(`href="${STAGING}"`);
    expect((await page(STAGING)).status).toBe(200);
    expect((await page("/targets/acme/site/moon")).status).toBe(404);
  });

  it("asks before a rollback which commits go, and does then just that", async () => {
    const [goal, gone, live] = [await deploy(), await deploy(), await deploy()];
    const { text } = await page(`${PATH}/rollback?to=${goal.id}`);
    expect(text).toContain(`${github.url}/acme/site/compare/${goal.sha}...${live.sha}`);
    for (const { sha } of [goal, gone, live]) expect(text).toContain(`${github.url}/acme/site/commit/${sha}`);
    const fields = { to: goal.sha, live: live.id, reason: "the checkout is broken", hold: "1" };

    const stale = await act("rollback", { ...fields, live: gone.id });
    expect([stale.status, stale.text]).toEqual([
      409,
      expect.stringContaining("Another commit is live by now"),
    ]);
    expect((await target()).held).toBeNull();

    const done = await act("rollback", fields);
    expect([done.status, done.location]).toEqual([303, expect.stringMatching(/^\/deployments\/dep_/)]);
    const id = (done.location ?? "").replace("/deployments/", "");
    expect(await becomes(id, "succeeded")).toMatchObject({ sha: goal.sha, source: "manual" });
    expect((await target()).held?.reason).toContain("the checkout is broken");
    await release();
  });

  it("offers the previous commit without a choice, and can leave the target open", async () => {
    const [before, live] = [await deploy(), await deploy()];
    expect((await page(`${PATH}/rollback`)).text).toContain(`name="to" value="${before.sha}"`);
    const done = await act("rollback", { to: before.sha, live: live.id, reason: "" });
    await becomes((done.location ?? "").replace("/deployments/", ""), "succeeded");
    expect((await target()).held).toBeNull();
  });

  it("asks before a release which commit goes live", async () => {
    const live = await deploy();
    await act("hold", { reason: "a freeze", until: "" });
    const waiting = [await run(), await run()];
    const newest = await becomes(waiting[1] as string, "queued");
    const { text } = await page(`${PATH}/release`);
    expect(text).toContain(`${github.url}/acme/site/compare/${live.sha}...${newest.sha}`);
    expect(text).toContain("1 run begins; 1 older is superseded");
    expect(await release()).toMatchObject({ status: 303, location: PATH });
    await becomes(waiting[1] as string, "succeeded");
    await becomes(waiting[0] as string, "superseded");
  });

  it("says what is wrong with a hold, and keeps what was filled in", async () => {
    const late = await act("hold", { reason: "a freeze", until: "2020-01-01T00:00" });
    expect([late.status, late.text]).toEqual([
      422,
      expect.stringContaining("Until: expected a time in the future"),
    ]);
    expect(late.text).toContain('value="a freeze"');
    expect((await act("hold", { reason: " " })).status).toBe(422);
    expect((await target()).held).toBeNull();
  });

  it("lets only admins of the repository act, from its own forms", async () => {
    const [pusher, boss] = [await person("pusher"), await person("boss")];
    expect((await page(PATH, pusher)).text).not.toContain(`${PATH}/hold`);
    expect((await page(PATH, boss)).text).toContain(`${PATH}/hold`);
    for (const command of ["hold", "release", "rollback"]) {
      expect([command, (await page(`${PATH}/${command}`, pusher)).status]).toEqual([command, 403]);
      expect((await act(command, { reason: "x" }, pusher)).status).toBe(403);
      expect((await act(command, { reason: "x", csrf_token: "" })).status).toBe(403);
      expect((await new Visitor(host.url("primary")).post(`${PATH}/${command}`, {}, HTML)).status).toBe(303);
    }
    expect((await page(`${PATH}/constructor`)).status).toBe(404);
    expect((await target()).held).toBeNull();
  });
});

describe("while a target is held", () => {
  it("every page says who holds it, why, since when and how many runs wait", async () => {
    const boss = await person("boss");
    await act("hold", { reason: "no changes before the sale", until: "" }, boss);
    await run();
    await run();
    const [{ id: delivery = "" } = {}] = (
      (await (await host.admin("primary", "GET", "/api/deliveries")).json()) as { items: { id: string }[] }
    ).items;
    const paths = ["/", "/deployments", "/deliveries", `/deliveries/${delivery}`, PATH, STAGING];
    for (const path of [...paths, `${PATH}/release`, "/settings", "/settings/ping", "/no-such-page"]) {
      const { text } = await page(path);
      expect(text, path).toContain(
        `<a href="${PATH}"><bdi>production</bdi> of <bdi>acme/site</bdi></a> is held by`,
      );
      expect(text, path).toContain("<bdi>boss</bdi>, since <time datetime=");
      expect(text, path).toContain("2 runs wait. Reason: <bdi>no changes before the sale</bdi>");
    }
    await act("release", {}, boss);
    for (const path of paths) expect((await page(path)).text, path).not.toContain("is held by");
  });
});
