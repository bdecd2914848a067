import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signDelivery } from "../../../shared/delivery-signature.ts";
import type { Deployment } from "../../../shared/deployment.ts";
import { awayGitHub } from "../../helpers/away-github.ts";
import { openToRead } from "../../helpers/open-to-read.ts";
import { ADMIN_TOKEN, DELIVERY_SECRET, TestHost } from "../../helpers/test-host.ts";

const OTHER_SECRET = `whsec_${Buffer.from("the delivery secret of another one").toString("base64")}`;
const SHA = "a".repeat(40);
let host: TestHost;
let runId = 40_000_000;

/** A request that the target `production` of `acme/site` allows, for a run of its own. */
const wanted = (changes: Record<string, unknown> = {}) => ({
  repository: "acme/site",
  environment: "production",
  run_id: ++runId,
  run_attempt: 1,
  sha: SHA,
  ref: "refs/heads/main",
  workflow: ".github/workflows/ci.yml",
  ...changes,
});

beforeAll(async () => {
  host = await TestHost.create({
    github: awayGitHub(),
    instances: ["primary"],
    targets: [
      {},
      { name: "web", environment: "staging" },
      { name: "worker", environment: "staging" },
      { repository: "acme/other", action: { secret_env: "OTHER_SECRET" } },
      { environment: "slow", env: { STEP_SECONDS: "1" } },
      { environment: "broken", run: ["false"] },
    ],
    env: { OTHER_SECRET },
  });
  await host.startInProcess("primary");
});
afterAll(() => host.close());

async function problem(response: Response): Promise<{ status: number; detail: string }> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const body = (await response.json()) as { status: number; detail: string };
  expect(body.status).toBe(response.status);
  return body;
}
const post = (body: string, headers: Record<string, string>) =>
  fetch(host.url("primary", "/api/deployments"), { method: "POST", body, headers });
const json = { "content-type": "application/json" };

describe("a deployment request", () => {
  it("is answered 202 with a deployment of its key, and 200 as a duplicate from then on", async () => {
    const body = wanted();
    const first = await host.request("primary", body);
    const deployment = (await first.json()) as Deployment;
    expect(first.status).toBe(202);
    expect(deployment).toMatchObject({
      id: expect.stringMatching(/^dep_/),
      repository: "acme/site",
      target: "production",
      run_id: body.run_id,
      run_attempt: 1,
      sha: SHA,
      duplicate: false,
      source: "action",
      accepted_by: "primary",
      attempt: 1,
      log_tail: null,
      url: `${host.url("primary")}/deployments/${deployment.id}`,
    });
    const again = await host.request("primary", body);
    expect(again.status).toBe(200);
    expect(await again.json()).toMatchObject({ id: deployment.id, duplicate: true });
  });

  it("ignores fields that it does not know", async () => {
    expect((await host.request("primary", wanted({ from_the_future: { x: 1 } }))).status).toBe(202);
  });

  it("may write the environment in another case than twinhook.yml, and is found by it in a list", async () => {
    const answer = await host.request("primary", wanted({ environment: "Slow" }));
    expect(answer.status).toBe(202);
    const { id } = (await answer.json()) as Deployment;
    const list = await host.admin("primary", "GET", "/api/deployments?environment=SLOW");
    expect(((await list.json()) as { items: Deployment[] }).items).toMatchObject([
      { id, environment: "slow" },
    ]);
  });

  it("deploys nothing as a dry run, and says what it would do", async () => {
    const body = wanted({ dry_run: true });
    const answer = await host.request("primary", body);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      dry_run: true,
      id: null,
      status: "queued",
      duplicate: false,
    });
    const list = await host.admin("primary", "GET", "/api/deployments?per_page=100");
    const { items } = (await list.json()) as { items: Deployment[] };
    expect(items.some((d) => d.run_id === body.run_id)).toBe(false);
  });

  it.each([
    ["a missing sha", { sha: undefined }, /sha/],
    ["a short sha", { sha: "abc123" }, /full commit sha/],
    ["a run id that is text", { run_id: "1" }, /run_id/],
    ["a run id of zero", { run_id: 0 }, /run_id/],
    ["no repository", { repository: "site" }, /OWNER\/NAME/],
  ])("with %s is answered 400, naming the field", async (_, changes, detail) => {
    const { status, detail: said } = await problem(await host.request("primary", wanted(changes)));
    expect(status).toBe(400);
    expect(said).toMatch(detail);
  });

  it("that is not JSON is answered 400, and one that is not called JSON 415", async () => {
    expect((await problem(await post("{", { ...json, ...signDelivery(DELIVERY_SECRET, "{") }))).status).toBe(
      400,
    );
    const text = JSON.stringify(wanted());
    const headers = { "content-type": "text/plain", ...signDelivery(DELIVERY_SECRET, text) };
    expect((await problem(await post(text, headers))).status).toBe(415);
  });

  it("larger than 64 KiB is answered 413", async () => {
    const { status } = await problem(
      await host.request("primary", wanted({ payload: "x".repeat(65 * 1024) })),
    );
    expect(status).toBe(413);
  });

  it("for a target that does not exist is answered 404, and one that leaves it open 422", async () => {
    const missing = await problem(await host.request("primary", wanted({ environment: "moon" })));
    expect(missing.status).toBe(404);
    const open = await problem(await host.request("primary", wanted({ environment: "staging" })));
    expect(open.status).toBe(422);
    expect(open.detail).toMatch(/web, worker/);
    expect((await host.request("primary", wanted({ environment: "staging", target: "web" }))).status).toBe(
      202,
    );
  });

  it("for a known run attempt with another commit is answered 409", async () => {
    const body = wanted();
    await host.request("primary", body);
    const { status, detail } = await problem(await host.request("primary", { ...body, sha: "b".repeat(40) }));
    expect(status).toBe(409);
    expect(detail).toContain(SHA);
  });

  it.each([
    ["workflow", { workflow: ".github/workflows/evil.yml" }],
    ["ref", { ref: "refs/heads/feature" }],
  ])("with a %s that the target does not allow is answered 403", async (what, changes) => {
    const { status, detail } = await problem(await host.request("primary", wanted(changes)));
    expect(status).toBe(403);
    expect(detail).toContain(`action.${what}s`);
  });
});

describe("who may ask", () => {
  it("nobody without a proof", async () => {
    const { status, detail } = await problem(await post(JSON.stringify(wanted()), json));
    expect(status).toBe(401);
    expect(detail).toMatch(/webhook-signature/);
  });

  it("nobody with a signature of an unknown secret, or of another body", async () => {
    const unknown = `whsec_${Buffer.from("a secret that nobody has set here!").toString("base64")}`;
    expect((await problem(await host.request("primary", wanted(), unknown))).status).toBe(401);
    const text = JSON.stringify(wanted());
    expect(
      (await problem(await post(text, { ...json, ...signDelivery(DELIVERY_SECRET, `${text} `) }))).status,
    ).toBe(401);
  });

  it.each([-301, 301])("nobody with a signature that is %i s away from now", async (seconds) => {
    const text = JSON.stringify(wanted());
    const now = new Date(Date.now() + seconds * 1000);
    const { status, detail } = await problem(
      await post(text, { ...json, ...signDelivery(DELIVERY_SECRET, text, { now }) }),
    );
    expect(status).toBe(401);
    expect(detail).toMatch(/clock/);
  });

  it("not the holder of another target's secret", async () => {
    const { status } = await problem(await host.request("primary", wanted(), OTHER_SECRET));
    expect(status).toBe(403);
  });

  it("not a bearer of a wrong token, for anything", async () => {
    for (const path of ["/api/deployments", "/api/deliveries", "/api/deployments/dep_x"]) {
      const response = await fetch(host.url("primary", path), { headers: { authorization: "Bearer wrong" } });
      expect((await problem(response)).status).toBe(401);
    }
  });

  it("the admin, by commit alone, which is a deployment of the source manual", async () => {
    const response = await fetch(host.url("primary", "/api/deployments"), {
      method: "POST",
      headers: { ...json, authorization: `Bearer ${ADMIN_TOKEN}` },
      body: JSON.stringify({ repository: "acme/site", target: "production", sha: SHA }),
    });
    expect(response.status).toBe(202);
    const { id, ...deployment } = (await response.json()) as Deployment;
    expect(deployment).toMatchObject({ source: "manual", run_id: null });
    const audit = openToRead(join(host.stateDirectory, "twinhook.db"));
    const rows = audit.prepare("SELECT * FROM audit WHERE action = 'deploy'").all();
    audit.close();
    expect(rows).toMatchObject([
      { by: "admin token", details: `production of acme/site, ${SHA}`, outcome: `deployed: ${id}` },
    ]);
  });
});

describe("reading a deployment back", () => {
  const read = (id: string, query = "", secret = DELIVERY_SECRET) =>
    fetch(host.url("primary", `/api/deployments/${id}${query}`), { headers: signDelivery(secret, "") });

  it("is for those who may ask for its repository, and for others it does not exist", async () => {
    const { id } = (await (await host.request("primary", wanted())).json()) as Deployment;
    expect((await read(id)).status).toBe(200);
    expect((await problem(await read(id, "", OTHER_SECRET))).status).toBe(404);
    expect((await problem(await read("dep_none"))).status).toBe(404);
  });

  it("with wait answers at the next change of state, and stamps verified_at when it is what was waited for", async () => {
    const { id } = (await (
      await host.request("primary", wanted({ environment: "slow" }))
    ).json()) as Deployment;
    const started = (await (await read(id, "?wait=20&for=started")).json()) as Deployment;
    expect(started).toMatchObject({ status: "running", verified_at: expect.any(String) });
    const ended = (await (await read(id, "?wait=20&for=succeeded")).json()) as Deployment;
    expect(ended).toMatchObject({ status: "succeeded", exit_code: 0, verified_at: started.verified_at });
  });

  it("answers at once when nothing more can happen", async () => {
    const { id } = (await (
      await host.request("primary", wanted({ environment: "broken" }))
    ).json()) as Deployment;
    const failed = await host.deployment("primary", id, (d) => d.status === "failed");
    expect(failed).toMatchObject({
      exit_code: 1,
      reason: "the command exited with code 1",
      verified_at: null,
    });
    const before = performance.now();
    await read(id, "?wait=25&for=succeeded");
    // It does not wait for what cannot come.
    expect(performance.now() - before).toBeLessThan(25_000);
  });

  it.each(["?wait=26", "?wait=-1", "?wait=abc", "?for=finished"])("refuses %s with 400", async (query) => {
    const { id } = (await (await host.request("primary", wanted())).json()) as Deployment;
    expect((await problem(await read(id, query))).status).toBe(400);
  });
});

describe("lists", () => {
  it("show the newest first, page by page, each item once", async () => {
    for (let i = 0; i < 5; i++) await host.request("primary", wanted());
    for (const list of ["deployments", "deliveries"]) {
      const ids: string[] = [];
      for (let cursor = ""; ; ) {
        const answer = await host.admin(
          "primary",
          "GET",
          `/api/${list}?per_page=3${cursor && `&cursor=${cursor}`}`,
        );
        const page = (await answer.json()) as { items: { id: string }[]; next_cursor: string | null };
        ids.push(...page.items.map(({ id }) => id));
        if (!page.next_cursor) break;
        cursor = page.next_cursor;
      }
      expect(ids.length).toBeGreaterThan(5);
      expect(new Set(ids).size).toBe(ids.length);
    }
  });

  it("are filtered, and refuse a cursor or a size that is not theirs", async () => {
    const answer = await host.admin("primary", "GET", "/api/deployments?status=failed&environment=broken");
    const { items } = (await answer.json()) as { items: Deployment[] };
    expect(items.length).toBeGreaterThan(0);
    expect(items.every((d) => d.status === "failed" && d.environment === "broken")).toBe(true);
    // That of the other list is of another form.
    const other = await host.admin("primary", "GET", "/api/deliveries?per_page=1");
    const { next_cursor: foreign } = (await other.json()) as { next_cursor: string };
    for (const query of [
      `cursor=${foreign}`,
      "cursor=nonsense",
      "per_page=0",
      "per_page=101",
      "status=unknown",
    ])
      expect((await host.admin("primary", "GET", `/api/deployments?${query}`)).status).toBe(400);
  });
});

it("answers 404 with a problem document where there is nothing", async () => {
  expect((await problem(await fetch(host.url("primary", "/nowhere")))).status).toBe(404);
});

it("a request of a caller that asks without end is answered 429, and nobody else's is", async () => {
  const answers = await Promise.all(
    Array.from({ length: 260 }, () => host.request("primary", { not: "a request" }, OTHER_SECRET)),
  );
  const refused = answers.filter(({ status }) => status === 429);
  expect(answers.filter(({ status }) => status === 400).length).toBeGreaterThanOrEqual(240);
  const [first] = refused;
  expect(first?.headers.get("retry-after")).toMatch(/^\d+$/);
  expect((await problem(first as Response)).detail).toMatch(/wait \d+ s/);
  expect((await host.request("primary", wanted())).status).toBe(202);
});
