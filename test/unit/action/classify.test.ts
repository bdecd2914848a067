import { expect, test } from "vitest";
import { classifyStatus } from "../../../action/ask/classify.ts";
import { judgeReply } from "../../../action/ask/judge.ts";
import { type HttpReply, TIMED_OUT } from "../../../action/http.ts";
import { networkCause, networkCode } from "../../../action/network-cause.ts";
import { BY_INSTANCE, deploymentFor } from "../../helpers/action/scripted-endpoint.ts";
import { REQUEST } from "../../helpers/action/step-report.ts";

const ENDPOINT = "https://deploy.example.com/twin";

function judge(reply: HttpReply) {
  return judgeReply(reply, REQUEST, { endpointUrl: ENDPOINT, now: 0, credentialKind: "secret" });
}

/** What an instance answers. */
function answer(status: number, body: unknown, more: Record<string, string> = {}): HttpReply {
  const headers = { ...BY_INSTANCE, ...more };
  return { kind: "answer", status, headers, body: typeof body === "string" ? body : JSON.stringify(body) };
}

test.each([
  [[200, 201, 202], "answered"],
  [[408, 425, 429, 500, 502, 503, 504, 507, 520], "transient"],
  [[400, 401, 403, 404, 405, 409, 410, 413, 415, 418, 422], "permanent"],
  [[300, 301, 302, 303, 304, 307, 308], "redirect"],
])("the statuses %j are %s", (statuses, expected) => {
  expect(statuses.map(classifyStatus)).toEqual(statuses.map(() => expected));
});

test("an answer with our deployment is one", () => {
  expect(judge(answer(202, deploymentFor(REQUEST)))).toMatchObject({
    kind: "deployment",
    deployment: { id: "dep_1", status: "queued" },
  });
});

test("upper and lower case make no difference in repository, environment and sha", () => {
  const shouted = { ...deploymentFor(REQUEST), repository: "ACME/Site", environment: "Production" };
  expect(judge(answer(202, shouted)).kind).toBe("deployment");
});

test.each([
  ["an empty body", "", /empty/],
  ["a page", "<html>hello</html>", /not JSON/],
  ["half a document", '{"id":"dep_', /not JSON/],
  ["null", "null", /not a deployment/],
  ["a list", "[]", /not a deployment/],
  ["another document", { ok: true }, /`status` is missing/],
  ["an unknown status", { ...deploymentFor(REQUEST), status: "done" }, /`status` is missing or unknown/],
  ["no id", { ...deploymentFor(REQUEST), id: undefined }, /`id` is missing/],
  ["an id that is a path", { ...deploymentFor(REQUEST), id: "../../admin" }, /`id` is missing or malformed/],
  ["an empty id", { ...deploymentFor(REQUEST), id: "" }, /`id` is missing or malformed/],
  ["another repository", deploymentFor({ ...REQUEST, repository: "acme/other" }), /`repository` is not ours/],
  ["another environment", deploymentFor({ ...REQUEST, environment: "staging" }), /`environment` is not ours/],
  ["another run", deploymentFor({ ...REQUEST, run_id: 1 }), /`run_id` is not ours/],
  ["a run id as text", { ...deploymentFor(REQUEST), run_id: "30433642" }, /`run_id` is not ours/],
  ["another attempt", deploymentFor({ ...REQUEST, run_attempt: 2 }), /`run_attempt` is not ours/],
  ["another sha", deploymentFor({ ...REQUEST, sha: "2".repeat(40) }), /`sha` is not ours/],
])("a 2xx answer with %s delivers nothing", (_, body, cause) => {
  expect(judge(answer(200, body))).toMatchObject({ kind: "transient", cause: expect.stringMatching(cause) });
});

test("when a target was asked for, another one is not ours", () => {
  const request = { ...REQUEST, target: "web" };
  const reply = answer(202, { ...deploymentFor(REQUEST), target: "api" });
  expect(
    judgeReply(reply, request, { endpointUrl: ENDPOINT, now: 0, credentialKind: "secret" }),
  ).toMatchObject({
    cause: expect.stringMatching(/`target` is not ours/),
  });
});

test("when reading back, another id confirms nothing", () => {
  const judgement = judgeReply(answer(200, deploymentFor(REQUEST)), REQUEST, {
    expectedId: "dep_2",
    endpointUrl: ENDPOINT,
    now: 0,
    credentialKind: "secret",
  });
  expect(judgement).toMatchObject({ kind: "transient", cause: expect.stringMatching(/another deployment/) });
});

test.each([
  ["https://new.example.com/x/api/deployments?secret=1", "https://new.example.com/x"],
  ["/login?next=%2Fapi", "https://deploy.example.com/login"],
  ["https://new.example.com/", "https://new.example.com"],
])("a redirect to %s is a configuration error that names %s", (location, target) => {
  const judgement = judge(answer(308, "", { location }));
  expect(judgement).toMatchObject({ kind: "permanent", cause: `it redirects to ${target}` });
  expect(JSON.stringify(judgement)).not.toContain("secret=1");
});

test.each([undefined, "http://[", "javascript:alert(1)"])(
  "a redirect to %s is one all the same",
  (location) => {
    expect(judge(answer(302, "", location === undefined ? {} : { location }))).toMatchObject({
      kind: "permanent",
      cause: "it redirects",
    });
  },
);

test("a problem document is reduced to its sentence", () => {
  expect(judge(answer(403, { title: "Forbidden", detail: "Workflow not allowed", type: "x" }))).toMatchObject(
    {
      kind: "permanent",
      detail: "Forbidden: Workflow not allowed",
    },
  );
});

test("Retry-After is read in seconds and as a date, and nonsense is ignored", () => {
  const after = (value: string) => judge(answer(429, "", { "retry-after": value }));
  expect(after("7")).toMatchObject({ retryAfterMs: 7_000 });
  expect(after("Thu, 01 Jan 1970 00:00:09 GMT")).toMatchObject({ retryAfterMs: 9_000 });
  for (const nonsense of ["-5", "soon", "1.5", "", "99999999999999"])
    expect(after(nonsense)).toMatchObject({ retryAfterMs: null });
});

test("each refusal names the setting to change", () => {
  const remedy = (status: number) => JSON.stringify(judge(answer(status, "")));
  expect(remedy(401)).toContain("secret_env");
  expect(remedy(403)).toContain("action.workflows");
  expect(remedy(404)).toContain("twinhook.yml");
  expect(remedy(409)).toMatch(/commit, ref or payload.*a target of its own/);
  expect(remedy(413)).toContain("payload");
  expect(remedy(422)).toContain("target");
});

test("a refusal for want of an approval shows the two lines of YAML to add", () => {
  const type = "urn:twinhook:problem:approval";
  const { remedy } = judge(answer(403, { title: "Forbidden", detail: "no", type })) as { remedy: string };
  expect(remedy).toContain("`environment: production` and `permissions: { id-token: write }`");
  expect(remedy).not.toContain("action.workflows");
});

test("a refusal because only events may deploy names the key to change", () => {
  const type = "urn:twinhook:problem:route";
  expect(judge(answer(403, { title: "Forbidden", detail: "no", type }))).toMatchObject({
    remedy: expect.stringContaining("Add `action` to the target's `routes`"),
  });
});

test("a network error is told in our own words, without path and query", () => {
  const error = Object.assign(new Error("connect ECONNREFUSED /api?secret=1"), { code: "ECONNREFUSED" });
  expect(networkCause(networkCode(error))).toBe("connection refused (ECONNREFUSED)");
  expect(networkCause(networkCode(new AggregateError([error])))).toBe("connection refused (ECONNREFUSED)");
  expect(networkCause(networkCode(new Error("outer", { cause: error })))).toBe(
    "connection refused (ECONNREFUSED)",
  );
  expect(networkCause(networkCode("nonsense"))).toBe("network error (UNKNOWN)");
});

test.each([true, false])("a request that left (%s) may have been carried out without an answer", (sent) => {
  expect(judge({ kind: "none", code: TIMED_OUT, cause: "", sent })).toMatchObject({ mayHaveArrived: sent });
});

test("a refused proof is answered with what to change for that proof", () => {
  const oidc = judgeReply(answer(401, ""), REQUEST, {
    endpointUrl: ENDPOINT,
    now: 0,
    credentialKind: "oidc",
  });
  expect(oidc).toMatchObject({ remedy: expect.stringContaining("`oidc.audience`") });
});

test("an answer tells by how much the endpoint's clock differs", () => {
  const now = Date.parse("2026-11-01T12:00:00.500Z");
  const reply = answer(202, deploymentFor(REQUEST), { date: "Sun, 01 Nov 2026 12:01:40 GMT" });
  expect(judgeReply(reply, REQUEST, { endpointUrl: ENDPOINT, now, credentialKind: "oidc" })).toMatchObject({
    skewMs: 100_000,
  });
});
