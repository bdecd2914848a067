import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { signDelivery } from "../../../shared/delivery-signature.ts";
import type { Deployment } from "../../../shared/deployment.ts";
import { DEPLOYMENTS_PATH } from "../../../shared/deployment-request.ts";
import { awayGitHub } from "../../helpers/away-github.ts";
import { ADMIN_TOKEN, DELIVERY_SECRET, TestHost } from "../../helpers/test-host.ts";
import { Visitor } from "../../helpers/visitor.ts";

const PAYLOAD = '{ "id": 9007199254740993, "huge": 1e400,\n  "price": 1.10, "10": "é\\u00e9", "2": null }';
let host: TestHost;

beforeAll(async () => {
  host = await TestHost.create({
    github: awayGitHub(),
    instances: ["primary"],
    targets: [{ run: ["sh", "-c", 'cp "$TWINHOOK_PAYLOAD_FILE" seen'] }],
  });
  await host.startInProcess("primary");
});
afterAll(() => host.close());

const post = (payload: string, runId: number) => {
  const request = {
    ...{ repository: "acme/site", environment: "production", run_id: runId, run_attempt: 1 },
    ...{ sha: "a".repeat(40), ref: "refs/heads/main", workflow: ".github/workflows/ci.yml" },
  };
  const body = `${JSON.stringify(request).slice(0, -1)}, "payload" : ${payload} }`;
  const headers = { "content-type": "application/json", ...signDelivery(DELIVERY_SECRET, body) };
  return fetch(host.url("primary", DEPLOYMENTS_PATH), { method: "POST", body, headers });
};

it("the command finds the payload letter by letter, and its page shows every digit", async () => {
  const { id } = (await (await post(PAYLOAD, 40_000_001)).json()) as Deployment;
  await host.deployment("primary", id, ({ status }) => status === "succeeded");
  expect(readFileSync(join(host.siteDirectory, "seen"), "utf8")).toBe(PAYLOAD);
  const visitor = new Visitor(host.url("primary"));
  await visitor.signInWithToken(ADMIN_TOKEN);
  const text = await (await visitor.get(`/deployments/${id}`)).text();
  for (const number of ["9007199254740993", "1e400", "1.10"]) expect(text).toContain(number);
});

it("another payload for the same run attempt is answered 409, and the same one 200", async () => {
  expect((await post('{"service":"api"}', 40_000_002)).status).toBe(202);
  expect((await post('{"service": "api"}', 40_000_002)).status).toBe(200);
  const refused = await post('{"service":"web"}', 40_000_002);
  expect(refused.status).toBe(409);
  const { detail } = (await refused.json()) as { detail: string };
  expect(detail).toMatch(/name two targets, or ask in one step: dep_\w+ has .*api.*, this request has .*web/);
});

it("a payload that is nested too deeply is answered 400", async () => {
  const depth = 10_000;
  const refused = await post("[".repeat(depth) + "]".repeat(depth), 40_000_003);
  expect(refused.status).toBe(400);
  expect(await refused.text()).toContain("nested too deeply");
});
