import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Deployment } from "../../../shared/deployment.ts";
import { ADMIN_TOKEN, TestHost } from "../../helpers/test-host.ts";
import type { OidcClaims } from "../../simulator/oidc.ts";
import { type GitHub, startGitHub } from "../../simulator/simulator.ts";

const SHA = "a".repeat(40);
const OTHER_SHA = "b".repeat(40);
const DEPLOY = ".github/workflows/deploy.yml";
const action = { workflows: [DEPLOY] };
let github: GitHub;
let host: TestHost;
let runId = 50_000_000;

beforeAll(async () => {
  github = await startGitHub();
  for (const repository of ["acme/site", "acme/other"]) github.addRepository(repository);
  host = await TestHost.create({
    github,
    instances: ["primary"],
    targets: [
      { action },
      { environment: "any", action: { ...action, any_sha: true } },
      { environment: "broken", run: ["false"], action },
      { repository: "acme/other", action },
      { repository: "acme/uninstalled", action },
    ],
  });
  await host.startInProcess("primary");
});
afterAll(async () => {
  await host.close();
  await github.close();
});
beforeEach(() => github.faults.clear());

/** A job, and what its Action asks for: the claims and the request agree unless they are changed. */
function job(claims: OidcClaims = {}, request: Record<string, unknown> = {}) {
  const run_id = ++runId;
  return {
    claims: {
      aud: "twinhook",
      repository: "acme/site",
      run_id,
      run_attempt: 1,
      workflow: DEPLOY,
      ref: "refs/heads/main",
      sha: SHA,
      event_name: "push",
      ...claims,
    } as OidcClaims,
    body: {
      repository: "acme/site",
      environment: "production",
      run_id,
      run_attempt: 1,
      via: { run_id, run_attempt: 1 },
      sha: SHA,
      ref: "refs/heads/main",
      workflow: DEPLOY,
      actor: "somebody else",
      ...request,
    },
  };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const post = (token: string, body: unknown) =>
  fetch(host.url("primary", "/api/deployments"), {
    method: "POST",
    headers: { "content-type": "application/json", ...bearer(token) },
    body: JSON.stringify(body),
  });
const ask = (claims: OidcClaims, body: unknown) => post(github.oidc.token(claims), body);
const read = (id: string, token: string) =>
  fetch(host.url("primary", `/api/deployments/${id}`), { headers: bearer(token) });

async function accepted(response: Response): Promise<Deployment> {
  expect([200, 202], await response.clone().text()).toContain(response.status);
  return (await response.json()) as Deployment;
}
async function refused(response: Response, status: number): Promise<string> {
  const text = await response.text();
  expect(response.status, text).toBe(status);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  return (JSON.parse(text) as { detail: string }).detail;
}
const tokenParts = (token: string) =>
  token.split(".").map((part) => Buffer.from(part, "base64url").toString()) as [string, string, string];
const encode = (...parts: object[]) =>
  parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
const payloadOf = (token: string) => JSON.parse(tokenParts(token)[1]) as Record<string, unknown>;

describe("a job with a token", () => {
  it("may ask for its own run, and read the deployment back", async () => {
    const { claims, body } = job();
    const answer = await ask(claims, body);
    expect(answer.status).toBe(202);
    const deployment = (await answer.json()) as Deployment;
    expect(deployment).toMatchObject({ source: "action", run_id: body.run_id, sha: SHA, duplicate: false });
    expect(await accepted(await ask(claims, body))).toMatchObject({ id: deployment.id, duplicate: true });
    expect(await accepted(await read(deployment.id, github.oidc.token(claims)))).toMatchObject({
      id: deployment.id,
    });
  });

  it("need not say `via`, and may write the repository's name in another case", async () => {
    const { claims, body } = job({}, { via: undefined, repository: "Acme/Site" });
    await accepted(await ask({ ...claims, repository: "ACME/site", repository_id: idOf("acme/site") }, body));
  });

  it("may check with a dry run, which is held to the same rules", async () => {
    const { claims, body } = job({}, { dry_run: true });
    expect(await accepted(await ask(claims, body))).toMatchObject({ id: null });
    await refused(await ask({ ...claims, sha: OTHER_SHA }, body), 403);
  });

  it("reads deployments of its own repository alone, and no list, log or state", async () => {
    const { claims, body } = job();
    const { id } = await accepted(await ask(claims, body));
    const stranger = github.oidc.token({ ...claims, repository: "acme/other" });
    const successor = github.oidc.token({ ...claims, repository_id: 4 });
    for (const token of [stranger, successor])
      expect(await refused(await read(id, token), 404)).toMatch(/no deployment/);
    for (const path of ["/api/deployments", "/api/deliveries", "/api/status", `/api/deployments/${id}/log`]) {
      const answer = await fetch(host.url("primary", path), { headers: bearer(github.oidc.token(claims)) });
      await refused(answer, 401);
    }
    const cancel = host.url("primary", `/api/deployments/${id}/cancel`);
    await refused(await fetch(cancel, { method: "POST", headers: bearer(github.oidc.token(claims)) }), 401);
  });

  it("is not taken for the admin, nor the admin for a job", async () => {
    const answer = await post(ADMIN_TOKEN, { repository: "acme/site", target: "production", sha: SHA });
    expect(await accepted(answer)).toMatchObject({ source: "manual" });
    const { claims } = job();
    await refused(await ask(claims, { repository: "acme/site", target: "production", sha: SHA }), 400);
  });
});

const idOf = (repository: string) => github.repository(repository).id;

describe("a token is refused with 401", () => {
  const wrong: [string, (token: string, claims: OidcClaims) => string, RegExp][] = [
    [
      "of another issuer",
      (_, c) => github.oidc.token({ ...c, iss: "https://token.example.com" }),
      /issuer \(iss\)/,
    ],
    ["for another audience", (_, c) => github.oidc.token({ ...c, aud: "sigstore" }), /audience \(aud\)/],
    ["for no audience", (_, c) => github.oidc.token({ ...c, aud: undefined as never }), /aud/],
    ["that expired over a minute ago", (_, c) => github.oidc.token({ ...c, exp: seconds(-61) }), /expired/],
    ["that never expires", (_, c) => github.oidc.token({ ...c, exp: undefined }), /exp/],
    [
      "that is not valid for another minute",
      (_, c) => github.oidc.token({ ...c, nbf: seconds(63) }),
      /not valid yet/,
    ],
    [
      "signed by nobody (none)",
      (t) => `${encode({ alg: "none", typ: "JWT" }, payloadOf(t))}.`,
      /RS256|not a signed/,
    ],
    ["signed with the public key as a secret (HS256)", (t) => withPublicKeyAsSecret(t), /RS256/],
    ["signed with an unknown key under a known id", (t) => byStranger(t, kidOf(t)), /did not sign/],
    ["signed with an unknown key", (t) => byStranger(t, "unheard-of"), /did not sign/],
    ["that brings its own key", (t) => byStranger(t, undefined, true), /did not sign/],
    ["whose claims were changed", (t) => changed(t, { repository: "acme/other" }), /did not sign/],
    ["whose signature is gone", (t) => `${t.split(".").slice(0, 2).join(".")}.`, /not valid/],
    ["that is not one", () => "a.b.c", /not a signed/],
    ["without a repository", (t) => lacking(t, "repository"), /repository/],
    ["without a repository's id", (t) => lacking(t, "repository_id"), /repository_id/],
    ["without a run", (t) => lacking(t, "run_id"), /run_id/],
    ["whose run is no number", (t) => github.oidc.sign({ ...payloadOf(t), run_id: "1e6" }), /run_id/],
  ];
  it.each(wrong)("%s", async (_what, forge, detail) => {
    const { claims, body } = job();
    const forged = forge(github.oidc.token(claims), claims);
    expect(await refused(await post(forged, body), 401)).toMatch(detail);
    const { id } = await accepted(await ask(claims, body));
    expect(await refused(await read(id, forged), 401)).toMatch(detail);
  });

  it.each([
    ["expired less than a minute ago", () => ({ exp: seconds(-50) })],
    ["is valid in less than a minute", () => ({ nbf: seconds(50) })],
  ])("but not one that %s, since clocks differ", async (_what, times) => {
    const { claims, body } = job();
    await accepted(await ask({ ...claims, ...times() }, body));
  });
});

const seconds = (from: number) => Math.floor(Date.now() / 1000) + from;
const kidOf = (token: string) => (JSON.parse(tokenParts(token)[0]) as { kid: string }).kid;
const lacking = (token: string, claim: string) =>
  github.oidc.sign({ ...payloadOf(token), [claim]: undefined });
const changed = (token: string, claims: object) => {
  const [header, payload, signature] = token.split(".") as [string, string, string];
  const said = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
  return `${header}.${encode({ ...said, ...claims })}.${signature}`;
};
function withPublicKeyAsSecret(token: string): string {
  const [jwk] = github.oidc.jwks().keys;
  const text = encode({ alg: "HS256", typ: "JWT", kid: jwk?.kid }, payloadOf(token));
  return `${text}.${createHmac("sha256", JSON.stringify(jwk)).update(text).digest("base64url")}`;
}
function byStranger(token: string, kid: string | undefined, bringsKey = false): string {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const own = bringsKey ? { jwk: publicKey.export({ format: "jwk" }), jku: "https://example.com/jwks" } : {};
  const text = encode({ alg: "RS256", typ: "JWT", kid, ...own }, payloadOf(token));
  return `${text}.${sign("RSA-SHA256", Buffer.from(text), privateKey).toString("base64url")}`;
}

describe("a valid token is refused with 403", () => {
  it.each<[string, OidcClaims, Record<string, unknown>, RegExp]>([
    ["of another repository", { repository: "acme/other" }, {}, /^repository:/],
    ["of a repository whose name ends the same", { repository: "evil-acme/site" }, {}, /^repository:/],
    ["of another repository that took over the name", { repository_id: 4 }, {}, /^repository_id:/],
    ["of another run", { run_id: 7 }, {}, /^via\.run_id:/],
    ["of another attempt", { run_attempt: 2 }, {}, /^via\.run_attempt:/],
    ["of its run, for an attempt that is yet to come", {}, { run_attempt: 9 }, /^run_attempt:/],
    ["of another workflow than it says", { workflow: ".github/workflows/evil.yml" }, {}, /^workflow:/],
    [
      "of another repository's workflow",
      { workflow_ref: `evil/site/${DEPLOY}@refs/heads/main` },
      {},
      /^workflow:/,
    ],
    [
      "of the workflow's file on another branch",
      { workflow_ref: `acme/site/${DEPLOY}@refs/heads/next` },
      {},
      /^workflow:/,
    ],
    [
      "of a workflow that may not ask",
      { workflow: ".github/workflows/ci.yml" },
      { workflow: ".github/workflows/ci.yml" },
      /action\.workflows/,
    ],
    ["of another ref than it says", { ref: "refs/heads/next" }, {}, /^ref:/],
    ["of a ref that may not ask", { ref: "refs/heads/next" }, { ref: "refs/heads/next" }, /action\.refs/],
    ["of a pull request", { ref: "refs/pull/1/merge" }, { ref: "refs/pull/1/merge" }, /action\.refs/],
    ["for another ref", {}, { ref: "refs/heads/next" }, /^ref:/],
    ["for another commit", {}, { sha: OTHER_SHA }, /^sha:.*any_sha/],
    ["of another commit", { sha: OTHER_SHA }, {}, /^sha:/],
    [
      "for another commit on a ref that may not ask",
      {},
      { environment: "any", sha: OTHER_SHA, ref: "refs/heads/next" },
      /action\.refs/,
    ],
    [
      "for another run, which did not start it",
      {},
      { run_id: 8 },
      /only a workflow started by workflow_run \(this one: push\)/,
    ],
  ])("%s", async (_what, claims, request, detail) => {
    const { claims: own, body } = job(claims, request);
    expect(await refused(await ask(own, body), 403)).toMatch(detail);
    expect((await host.deployments("primary")).map(({ run_id }) => run_id)).not.toContain(body.run_id);
  });

  it("without telling a stranger which targets there are", async () => {
    const { claims, body } = job({ repository: "evil/site" });
    const known = await refused(await ask(claims, body), 403);
    expect(await refused(await ask(claims, { ...body, environment: "moon" }), 403)).toBe(known);
  });

  it("when the App is not installed on its repository, and says so", async () => {
    const { claims, body } = job({ repository: "acme/uninstalled" }, { repository: "acme/uninstalled" });
    expect(await refused(await ask(claims, body), 403)).toMatch(/install the App/);
  });

  it("but may be for another commit where the target allows that", async () => {
    const { claims, body } = job({}, { environment: "any", sha: OTHER_SHA });
    expect(await accepted(await ask(claims, body))).toMatchObject({ sha: OTHER_SHA });
  });

  it("whatever its subject says", async () => {
    const { claims, body } = job({ sub: "repo:acme/site:ref:refs/heads/main", repository: "evil/site" });
    await refused(await ask(claims, body), 403);
    const odd = job({ sub: "of a form that nobody knows" });
    await accepted(await ask(odd.claims, odd.body));
  });
});

describe("a workflow that workflow_run started", () => {
  type RunOptions = Partial<Parameters<GitHub["completeRun"]>[0]>;
  /** A job of the deploy workflow, asking for the run that started it. */
  function following(
    options: RunOptions = {},
    request: Record<string, unknown> = {},
    claims: OidcClaims = {},
  ) {
    const { run } = github.completeRun({ repository: "acme/site", send: false, ...options });
    const asked = job(
      { event_name: "workflow_run", sha: OTHER_SHA, ...claims },
      { run_id: run.id, run_attempt: run.run_attempt, sha: run.head_sha, ...request },
    );
    return { ...asked, run };
  }

  it("may ask for the run that started it, and the deployment has what GitHub says of that run", async () => {
    const { claims, body, run } = following({}, { ref: "refs/heads/whatever" });
    expect(await accepted(await ask(claims, body))).toMatchObject({
      run_id: run.id,
      sha: run.head_sha,
      ref: "refs/heads/main",
    });
  });

  it("meets the run's own event in one deployment", async () => {
    const { claims, body, run } = following();
    const { event } = github.completeRun({ repository: "acme/site", send: false, runId: run.id, attempt: 1 });
    await host.sendEvent("primary", event);
    expect(await accepted(await ask(claims, body))).toMatchObject({ duplicate: true, source: "webhook" });
  });

  it.each<[string, RunOptions, Record<string, unknown>, RegExp]>([
    ["a run that failed", { conclusion: "failure" }, {}, /did not succeed/],
    ["a run of a fork's commit", { fork: true, branch: "main" }, {}, /another repository's/],
    ["a run of another workflow", { path: ".github/workflows/lint.yml" }, {}, /no target names the workflow/],
    ["a run of another branch", { branch: "next" }, {}, /allows the branch next/],
    ["a run that a pull request started", { event: "pull_request" }, {}, /started by pull_request/],
    ["another commit than the run's", {}, { sha: OTHER_SHA }, /the run's commit is/],
    [
      "another commit, also where any may be asked for",
      {},
      { environment: "any", sha: OTHER_SHA },
      /the run's commit is/,
    ],
    ["an attempt that there is not", {}, { run_attempt: 2 }, /no attempt 2/],
    ["a run that there is not", {}, { run_id: 12 }, /no attempt 1 of the run 12/],
  ])("may not ask for %s", async (_what, run, request, detail) => {
    const { claims, body } = following(run, request);
    expect(await refused(await ask(claims, body), 403)).toMatch(detail);
  });

  it("may not ask from a branch or a file that may not, or say that it is another run", async () => {
    const branch = following({}, {}, { ref: "refs/heads/next" });
    await refused(await ask(branch.claims, branch.body), 403);
    const file = following(
      {},
      { workflow: ".github/workflows/x.yml" },
      { workflow: ".github/workflows/x.yml" },
    );
    await refused(await ask(file.claims, file.body), 403);
    const other = following({}, { via: { run_id: 5, run_attempt: 1 } });
    await refused(await ask(other.claims, other.body), 403);
  });

  it("is asked to come again while the run has not ended", async () => {
    const { claims, body, run } = following({ action: "in_progress" });
    const early = await ask(claims, body);
    expect(early.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(await refused(early, 503)).toMatch(/has not ended/);
    github.completeRun({ repository: "acme/site", send: false, runId: run.id });
    await accepted(await ask(claims, body));
  });

  it.each([
    ["is away", { kind: "reset" } as const, /^\d+$/],
    ["has trouble", { kind: "status", status: 502 } as const, /^\d+$/],
    ["asks to wait", { kind: "secondary-rate-limit", retryAfterS: 17 } as const, /^17$/],
  ])("is asked to come again while GitHub %s", async (_what, fault, retryAfter) => {
    const { claims, body } = following();
    const set = github.faults.add(fault, { route: "GET /repos/acme/site/actions/runs/*" });
    const answer = await ask(claims, body);
    expect(answer.headers.get("retry-after")).toMatch(retryAfter);
    expect(await refused(answer, 503)).toMatch(/GitHub cannot be asked/);
    set.clear();
    await accepted(await ask(claims, body));
  });

  it("is told which right the App lacks", async () => {
    const { claims, body } = following();
    github.faults.add({ kind: "status", status: 403 }, { route: "GET /repos/acme/site/actions/runs/*" });
    expect(await refused(await ask(claims, body), 403)).toMatch(/Actions: read/);
  });

  it("retries the deployment, once it has failed, when it is run again", async () => {
    const { claims, body } = following({}, { environment: "broken" });
    const { id } = await accepted(await ask(claims, body));
    await host.deployment("primary", id, ({ status }) => status === "failed");
    // The same attempt asks once more, as it does when an answer was lost.
    expect(await accepted(await ask(claims, body))).toMatchObject({ id, status: "failed", attempt: 1 });
    const via = { run_id: claims.run_id, run_attempt: 2 };
    // Its token is of the first attempt: it cannot say that it was run again.
    await refused(await ask(claims, { ...body, via }), 403);
    const again = await accepted(await ask({ ...claims, run_attempt: 2 }, { ...body, via }));
    expect(again).toMatchObject({ id, duplicate: true, attempt: 2 });
    await host.deployment("primary", id, ({ status, attempt }) => status === "failed" && attempt === 2);
  });
});

it("logs nothing of a token", async () => {
  const { claims, body } = job();
  const token = github.oidc.token(claims);
  await accepted(await post(token, body));
  const forged = changed(token, { repository: "acme/other" });
  expect(await refused(await post(forged, body), 401)).not.toContain(forged.slice(-20));
  const output = host.started.map(({ output }) => output).join("\n");
  for (const secret of [token, forged]) expect(output).not.toContain(secret.slice(-40));
});
