import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { componentSchemas } from "../../app/http/openapi/schemas.ts";
import { signDelivery } from "../../shared/delivery-signature.ts";
import type { Deployment } from "../../shared/deployment.ts";
import { ApiDescription } from "../helpers/api-description.ts";
import type { InProcessInstance } from "../helpers/in-process-instance.ts";
import { ADMIN_TOKEN, DELIVERY_SECRET, TestHost } from "../helpers/test-host.ts";
import { type GitHub, startGitHub } from "../simulator/simulator.ts";

const OTHER_SECRET = `whsec_${Buffer.from("the delivery secret of another one").toString("base64")}`;
const JSON_TYPE = { "content-type": "application/json" };
let github: GitHub;
let host: TestHost;
let instance: InProcessInstance;
let api: ApiDescription;
let runId = 60_000_000;

beforeAll(async () => {
  github = await startGitHub();
  github.addRepository("acme/site");
  host = await TestHost.create({
    github,
    instances: ["primary"],
    targets: [
      {},
      { name: "web", environment: "staging" },
      { name: "worker", environment: "staging" },
      { environment: "broken", run: ["false"] },
      { environment: "slow", run: ["sleep", "60"] },
      { repository: "acme/away", action: { secret_env: "OTHER_SECRET" } },
    ],
    env: { OTHER_SECRET, SLACK_WEBHOOK_URL: "http://127.0.0.1:1/slack" },
    config: { alerts: [{ type: "slack", url_env: "SLACK_WEBHOOK_URL" }] },
  });
  instance = await host.startInProcess("primary");
  api = new ApiDescription(await (await fetch(host.url("primary", "/api/openapi.json"))).json());
});
afterAll(async () => {
  await host.close();
  await github.close();
});

interface Call {
  query?: string;
  id?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

const admin = { authorization: `Bearer ${ADMIN_TOKEN}` };

/** Makes a call, and holds its answer against the description. */
async function call(operation: string, { query = "", id = "dep_none", body, headers = admin }: Call = {}) {
  const [method = "", path = ""] = operation.split(" ");
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const real = path.replace("{owner}/{repo}", "acme/site").replace(/\{(id|name)\}/, id);
  const response = await fetch(host.url("primary", real + query), {
    method,
    headers: { ...(text === undefined ? {} : JSON_TYPE), ...headers },
    ...(text === undefined ? {} : { body: text }),
  });
  expect(await api.check(operation, response)).toBeNull();
  return response;
}

const wanted = (changes: Record<string, unknown> = {}) => ({
  repository: "acme/site",
  environment: "production",
  run_id: ++runId,
  run_attempt: 1,
  sha: "a".repeat(40),
  ref: "refs/heads/main",
  workflow: ".github/workflows/ci.yml",
  ...changes,
});
const POST = "POST /api/deployments";
const ask = async (changes: Record<string, unknown> = {}): Promise<Deployment> =>
  (await (await call(POST, { body: wanted(changes) })).json()) as Deployment;
const ended = (id: string) => host.deployment("primary", id, ({ status }) => !/queued|running/.test(status));

describe("every answer is as the description says", () => {
  test("to requests for deployments", async () => {
    const body = wanted();
    const own = { repository: body.repository, runId: body.run_id };
    github.completeRun({ ...own, action: "in_progress", send: false });
    const text = JSON.stringify(body);
    const signed = { ...JSON_TYPE, ...signDelivery(DELIVERY_SECRET, text) };
    expect((await call(POST, { body: text, headers: signed })).status).toBe(202);
    const cases: [number, Call][] = [
      [200, { body }],
      [200, { body: wanted({ dry_run: true }) }],
      [200, { body: { ...body, dry_run: true } }],
      [400, { body: "{" }],
      [401, { body, headers: {} }],
      [403, { body, headers: { ...JSON_TYPE, ...signDelivery(OTHER_SECRET, text) } }],
      [404, { body: wanted({ environment: "moon" }) }],
      [409, { body: { ...body, sha: "b".repeat(40) } }],
      [413, { body: wanted({ payload: "x".repeat(65_536) }) }],
      [415, { body, headers: { ...admin, "content-type": "text/plain" } }],
      [422, { body: wanted({ environment: "staging" }) }],
    ];
    for (const [status, given] of cases) expect((await call(POST, given)).status).toBe(status);
    // GitHub would have to vouch for the run that started the job's, and is away.
    github.faults.add({ kind: "reset" }, { route: "GET /repos/acme/site/actions/runs/*" });
    const via = { run_id: ++runId, run_attempt: 1 };
    const job = { aud: "twinhook", workflow: body.workflow, event_name: "workflow_run", ...via };
    const token = { authorization: `Bearer ${github.oidc.token(job)}` };
    expect((await call(POST, { body: { ...body, via }, headers: token })).status).toBe(503);
    github.faults.clear();
    const many = Array.from({ length: 300 }, () => ({ body: "{", headers: signDelivery(OTHER_SECRET, "{") }));
    const statuses = await Promise.all(many.map(async (one) => (await call(POST, one)).status));
    expect(statuses).toContain(429);
  });

  test("about deployments", async () => {
    const [deployed, broken, slow] = [
      await ask(),
      await ask({ environment: "broken" }),
      await ask({ environment: "slow" }),
    ];
    const GET = "GET /api/deployments/{id}";
    const [{ id }, failed] = [await ended(deployed.id), await ended(broken.id)];
    const job = { aud: "twinhook", repository: "acme/away" };
    const bearer = { authorization: `Bearer ${github.oidc.token(job)}` };
    // The App is not installed there, and cannot compare the token with GitHub.
    const { id: awayId } = await ask({ repository: "acme/away" });
    const cases: [number, string, Call][] = [
      [200, GET, { id }],
      [200, GET, { id, query: "?wait=1&for=succeeded" }],
      [200, GET, { id: failed.id }],
      [400, GET, { id, query: "?wait=99" }],
      [401, GET, { id, headers: {} }],
      [403, GET, { id: awayId, headers: bearer }],
      [404, GET, {}],
      [200, `${GET}/log`, { id, query: "?timestamps=1" }],
      [401, `${GET}/log`, { id, headers: {} }],
      [404, `${GET}/log`, {}],
      [202, "POST /api/deployments/{id}/retry", { id: failed.id }],
      [401, "POST /api/deployments/{id}/retry", { id, headers: {} }],
      [404, "POST /api/deployments/{id}/retry", {}],
      [409, "POST /api/deployments/{id}/retry", { id }],
      [202, "POST /api/deployments/{id}/cancel", { id: slow.id }],
      [401, "POST /api/deployments/{id}/cancel", { id, headers: {} }],
      [404, "POST /api/deployments/{id}/cancel", {}],
      [409, "POST /api/deployments/{id}/cancel", { id }],
      [200, "GET /api/deployments", { query: "?per_page=1" }],
      [200, "GET /api/deployments", {}],
      [400, "GET /api/deployments", { query: "?status=asleep" }],
      [401, "GET /api/deployments", { headers: {} }],
    ];
    for (const [status, operation, given] of cases)
      expect((await call(operation, given)).status).toBe(status);
  });

  test("to events, and about deliveries", async () => {
    const event = async (payload: unknown, headers: Record<string, string> = {}) => {
      const response = await host.sendEvent("primary", payload, { headers });
      expect(await api.check("POST /api/github/webhooks", response)).toBeNull();
      return response.status;
    };
    const { event: payload } = github.completeRun({ repository: "acme/site", send: false, branch: "next" });
    const { event: good } = github.completeRun({ repository: "acme/site", send: false });
    expect(await event(good, { "x-github-delivery": "good" })).toBe(202);
    expect(await event(good, { "x-github-delivery": "good" })).toBe(200);
    expect(await event({ zen: "" }, { "x-github-event": "ping" })).toBe(202);
    expect(await event(payload, { "x-github-delivery": "ignored" })).toBe(200);
    expect(await event({})).toBe(400);
    expect(await event(payload, { "x-hub-signature-256": "sha256=00" })).toBe(401);

    const list = await call("GET /api/deliveries");
    expect(((await list.json()) as { items: unknown[] }).items.length).toBeGreaterThan(2);
    const idOf = async (guid: string) => {
      const answer = await call("GET /api/deliveries", { query: `?guid=${guid}` });
      return ((await answer.json()) as { items: { id: string }[] }).items[0]?.id ?? "";
    };
    const AGAIN = "POST /api/deliveries/{id}/redeliver";
    const ignored = await idOf("ignored");
    expect((await call(AGAIN, { id: ignored })).status).toBe(202);
    expect((await call(AGAIN, { id: await idOf("good") })).status).toBe(409);
    expect((await call(AGAIN, { id: "dlv_none" })).status).toBe(404);
    expect((await call(AGAIN, { id: ignored, headers: {} })).status).toBe(401);
    github.faults.add({ kind: "status", status: 502 }, { route: "GET /repos/acme/site/actions/runs/*" });
    expect((await call(AGAIN, { id: ignored })).status).toBe(503);
    github.faults.clear();
    expect((await call("GET /api/deliveries", { query: "?per_page=0" })).status).toBe(400);
    expect((await call("GET /api/deliveries", { query: "?outcome=lost" })).status).toBe(400);
    expect((await call("GET /api/deliveries", { headers: {} })).status).toBe(401);
  });

  test("about the instances, their health and their metrics", async () => {
    expect((await call("GET /livez", { query: "?wait=26" })).status).toBe(400);
    for (const operation of ["GET /livez", "GET /readyz", "GET /api/openapi.json"])
      expect((await call(operation, { headers: {} })).status).toBe(200);
    for (const operation of ["GET /api/status", "GET /metrics"]) {
      expect((await call(operation)).status).toBe(200);
      expect((await call(operation, { headers: {} })).status).toBe(401);
    }
    const [BACK, HOLD, RELEASE] = ["POST …/rollback", "POST …/hold", "DELETE …/hold"].map((operation) =>
      operation.replace("…", "/api/targets/{owner}/{repo}/{name}"),
    ) as [string, string, string];
    const good = await ended((await ask()).id);
    const cases: [number, string, Call][] = [
      [200, BACK, { id: "production", body: { to: good.sha } }],
      [202, BACK, { id: "production", body: { to: "f".repeat(40), force: true } }],
      [401, BACK, { id: "production", body: {}, headers: {} }],
      [404, BACK, { id: "moon", body: {} }],
      [409, BACK, { id: "web", body: {} }],
      [422, BACK, { id: "web", body: { to: "main" } }],
      [202, HOLD, { id: "web", body: { reason: "a test" } }],
      [401, HOLD, { id: "web", body: {}, headers: {} }],
      [404, HOLD, { id: "moon", body: {} }],
      [422, HOLD, { id: "web", body: {} }],
      [200, "GET /api/targets", {}],
      [401, "GET /api/targets", { headers: {} }],
      [201, "POST /api/tokens", { body: { name: "ci-bot", scopes: ["read"] } }],
      [409, "POST /api/tokens", { body: { name: "ci-bot", scopes: ["read"] } }],
      [422, "POST /api/tokens", { body: { name: "ci-bot", scopes: ["write"] } }],
      [401, "POST /api/tokens", { body: {}, headers: {} }],
      [200, "GET /api/tokens", {}],
      [401, "GET /api/tokens", { headers: {} }],
      [200, "DELETE /api/tokens/{name}", { id: "ci-bot" }],
      [404, "DELETE /api/tokens/{name}", { id: "ci-bot" }],
      [401, "DELETE /api/tokens/{name}", { id: "ci-bot", headers: {} }],
      [202, RELEASE, { id: "web" }],
      [202, RELEASE, { id: "production" }],
      [401, RELEASE, { id: "web", headers: {} }],
      [404, RELEASE, { id: "moon" }],
    ];
    for (const [status, operation, given] of cases)
      expect((await call(operation, given)).status).toBe(status);
    const MARK = "POST /api/targets/{owner}/{repo}/{name}/mark";
    const mark = { run_id: 1, reason: "a test" };
    expect((await call(MARK, { id: "staging-none", body: mark })).status).toBe(404);
    expect((await call(MARK, { id: "web", body: mark })).status).toBe(202);
    expect((await call(MARK, { id: "web", body: {} })).status).toBe(422);
    expect((await call(MARK, { id: "web", body: mark, headers: {} })).status).toBe(401);
    const SWITCH = "POST /api/switchover";
    const to = { to: "primary", reason: "a test", force: true };
    await expect.poll(async () => (await call(SWITCH, { body: to })).status).toBe(202);
    expect((await call(SWITCH, { body: { to: "nobody" } })).status).toBe(400);
    expect((await call(SWITCH, { body: to, headers: {} })).status).toBe(401);
    expect((await call("DELETE /api/switchover", { headers: {} })).status).toBe(401);
    expect((await call("POST /api/alerts/test")).status).toBe(202);
    expect((await call("POST /api/alerts/test", { headers: {} })).status).toBe(401);
    expect((await call("GET /api/status")).status).toBe(200);
    expect((await call("DELETE /api/switchover")).status).toBe(202);
  });

  test("and these were all, but for what needs a session, a store in trouble or a second instance", () => {
    expect(api.unseen.filter((answer) => !/^(POST|DELETE|GET) .* (403|503)$/.test(answer))).toEqual([
      // Bodies that are slow or have 25 MB, which other tests send; an instance that is not healthy; and no channel
      // for alerts.
      "POST /api/github/webhooks 408",
      "POST /api/github/webhooks 413",
      "POST /api/deployments 408",
      "POST /api/switchover 409",
      "POST /api/alerts/test 409",
    ]);
  });
});

test("every route that is not a page's is described, and no other", () => {
  const isApi = ({ path }: { path: string }) => /^\/(api\/|livez|readyz|metrics)/.test(path);
  const routes = instance.instance.routes
    .filter(({ method }) => method !== "ALL")
    .filter(isApi)
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
  expect([...new Set(routes)].toSorted()).toEqual(api.operations.toSorted());
});

describe("the description", () => {
  test("is OpenAPI 3.1, names the instances, and each call by a name of its own", async () => {
    const response = await fetch(host.url("primary", "/api/openapi.json"));
    const text = await response.text();
    const described = JSON.parse(text) as {
      openapi: string;
      servers: { url: string }[];
      paths: Record<string, Record<string, { operationId: string }>>;
      components: { schemas: Record<string, unknown> };
    };
    expect(described.openapi).toBe("3.1.0");
    expect(await new Validator().validate(described)).toEqual({ valid: true });
    expect(described.servers).toEqual([{ url: host.url("primary"), description: "primary" }]);
    const names = Object.values(described.paths).flatMap((at) => Object.values(at).map((o) => o.operationId));
    expect(new Set(names).size).toBe(names.length);
    for (const [, name = ""] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect(Object.keys(described.components.schemas)).toContain(name);
  });

  test("describes requests as they are read", () => {
    const schemas = componentSchemas() as Record<string, { required?: string[]; properties: object }>;
    expect(schemas.DeploymentRequest?.required?.toSorted()).toEqual([
      "environment",
      "ref",
      "repository",
      "run_attempt",
      "run_id",
      "sha",
      "workflow",
    ]);
    expect(schemas.DeploymentRequestByAdmin?.required?.toSorted()).toEqual(["repository", "sha"]);
    expect(Object.keys(schemas.DeploymentRequest?.properties ?? {})).toContain("dry_run");
  });
});
