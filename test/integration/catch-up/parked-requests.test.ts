import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { signDelivery } from "../../../shared/delivery-signature.ts";
import {
  type DeploymentRequest,
  type DeploymentRequestPayload,
  leftAudience,
} from "../../../shared/deployment-request.ts";
import { canonicalJson } from "../../../shared/json-text.ts";
import { testTarget } from "../../helpers/arrivals.ts";
import { setScans } from "../../helpers/scans.ts";
import { ENGINES, type Engine } from "../../helpers/stores.ts";
import { DELIVERY_SECRET } from "../../helpers/test-host.ts";
import { leaveRequest } from "../../simulator/leave-request.ts";
import type { OidcClaims } from "../../simulator/oidc.ts";
import type { GitHub } from "../../simulator/simulator.ts";

type Run = ReturnType<GitHub["completeRun"]>["run"];

/** What an Action asks for in the workflow that follows this run. */
function requestFor(run: Run, change: Partial<DeploymentRequest> = {}): DeploymentRequest {
  return {
    repository: "acme/site",
    environment: "production",
    run_id: run.id,
    run_attempt: run.run_attempt,
    via: { run_id: run.id + 5, run_attempt: 1 },
    sha: run.head_sha,
    ref: "refs/heads/main",
    workflow: ".github/workflows/deploy.yml",
    payload: { reason: "a test" },
    ...change,
  };
}

/** Leaves the request at GitHub, as the Action does with the job's own token. */
async function leave(
  github: GitHub,
  request: DeploymentRequest,
  { asText = false, proof }: { asText?: boolean; proof?: DeploymentRequestPayload["proof"] } = {},
): Promise<number> {
  const payload: DeploymentRequestPayload = { twinhook: request, ...(proof && { proof }) };
  return leaveRequest(github, {
    sha: request.sha,
    environment: request.environment,
    payload: asText ? JSON.stringify(payload) : payload,
  });
}

/** A target that an Action may ask for with the secret. */
const ASKED_BY_ACTION = {
  action: { secret_env: "SITE_DELIVERY_SECRET", workflows: [".github/workflows/deploy.yml"] },
};
const OTHER_SECRET = `whsec_${Buffer.from("a secret that nobody else knows").toString("base64")}`;

/** What an Action that has the secret adds to its request, by GitHub's clock. */
function proofOf(
  github: GitHub,
  request: DeploymentRequest,
  { secret = DELIVERY_SECRET, ageMs = 0 } = {},
): DeploymentRequestPayload["proof"] {
  const now = new Date(github.clock.now() - ageMs);
  return signDelivery(secret, canonicalJson(request), { now });
}

/** What an Action without a secret adds to its request: the token of a job of the request's run. */
function tokenProof(github: GitHub, request: DeploymentRequest, claims: OidcClaims = {}) {
  const { run_id, run_attempt } = request.via ?? request;
  const token = github.oidc.token({
    repository: request.repository,
    repository_id: github.repository(request.repository).id,
    ...{ run_id, run_attempt, sha: request.sha, aud: leftAudience("twinhook", canonicalJson(request)) },
    ...claims,
  });
  return { authorization: `Bearer ${token}` };
}

const never = { repository: "acme/site", send: false };
const STATUSES = "/repos/acme/site/deployments/*/statuses";

/** From now on the store cannot take the record of a catch-up. */
function refuseCatchUps(scene: Awaited<ReturnType<typeof setScans>>, engine: Engine): Promise<unknown> {
  const rule =
    engine === "sqlite"
      ? sql`create trigger refuse before insert on looks when new.name = 'catch_up'
            begin select raise(abort, 'the disk is full'); end`
      : sql`alter table looks add constraint refuse check (name <> 'catch_up')`;
  return scene.store.write((trx) => rule.execute(trx));
}

describe.each(ENGINES)("a request that an Action left at GitHub, on %s", (engine) => {
  it("is accepted with its payload, and the App is to report on that GitHub Deployment", async () => {
    const scene = await setScans(engine);
    const { github, store } = scene;
    const { run } = github.completeRun(never);
    const id = await leave(github, requestFor(run));
    await scene.scan();
    expect(await scene.deployments()).toEqual([
      {
        run_id: run.id,
        run_attempt: 1,
        target: "production",
        status: "queued",
        source: "github_deployment",
        github_deployment_id: String(id),
      },
    ]);
    const { payload } = await store.read
      .selectFrom("deployments")
      .select("payload")
      .executeTakeFirstOrThrow();
    expect(JSON.parse(payload ?? "")).toEqual({ reason: "a test" });
    expect(github.statuses("acme/site", id)).toEqual([]);
  });

  it("hands on the text of its payload, and of one that is no text every digit", async () => {
    const scene = await setScans(engine);
    const { github, store } = scene;
    const payload_text = '{ "id": 9007199254740993, "huge": 1e400 }';
    const { payload: _, ...request } = requestFor(github.completeRun(never).run);
    await leave(github, { ...request, payload_text });
    const other = requestFor(github.completeRun(never).run);
    const id = await leave(github, other);
    const record = github.deployments("acme/site").find((deployment) => deployment.id === id);
    Object.assign(record ?? {}, { payload: { twinhook: { ...other, payload: 9007199254740993n } } });
    await scene.scan();
    const rows = await store.read.selectFrom("deployments").select("payload").orderBy("seq").execute();
    expect(rows).toEqual([{ payload: payload_text }, { payload: "9007199254740993" }]);
  });

  it("is refused there when its run attempt is on record with another payload", async () => {
    const scene = await setScans(engine);
    const { github } = scene;
    const { run } = github.completeRun(never);
    const first = await leave(github, requestFor(run, { payload: { service: "api" } }));
    const second = await leave(github, requestFor(run, { payload: { service: "web" } }));
    await scene.scan();
    expect(await scene.deployments()).toHaveLength(1);
    const refused = [first, second]
      .map((id) => github.statuses("acme/site", id))
      .filter(({ length }) => length > 0);
    expect(refused).toMatchObject([
      [{ state: "error", description: expect.stringMatching(/name two targets, or ask in one step/) }],
    ]);
  });

  it("is understood as text too, found within a minute, and taken once", async () => {
    const scene = await setScans(engine);
    const { github, clock } = scene;
    await scene.scan();
    const { run } = github.completeRun(never);
    await leave(github, requestFor(run), { asText: true });
    const calls = () => scene.requests("GET /repos/acme/site/actions/runs/*/attempts/*");
    for (let minute = 0; minute < 3; minute++) {
      clock.advance(60_000);
      await clock.asleep();
      expect(await scene.deployments()).toMatchObject([{ source: "github_deployment" }]);
    }
    expect(calls()).toHaveLength(1);
  });

  it("meets the event of its run in one deployment, and comes first", async () => {
    const scene = await setScans(engine);
    const { github } = scene;
    const { run, done, guid } = github.completeRun({ repository: "acme/site" });
    await done;
    const id = await leave(github, requestFor(run));
    await scene.scan();
    expect(await scene.deployments()).toMatchObject([
      { run_id: run.id, source: "github_deployment", github_deployment_id: String(id) },
    ]);
    const event = (await scene.deliveries()).find((row) => row.guid === guid);
    expect(event).toMatchObject({ outcome: "duplicate", source: "catch_up" });
  });

  it("waits for the run that it names, and is taken once that has succeeded", async () => {
    const scene = await setScans(engine);
    const { github, clock } = scene;
    const { run } = github.completeRun({ ...never, action: "in_progress" });
    const id = await leave(github, requestFor(run));
    await scene.scan();
    expect(await scene.deployments()).toEqual([]);
    github.completeRun({ ...never, runId: run.id });
    clock.advance(60_000);
    await clock.asleep();
    expect(await scene.deployments()).toMatchObject([{ run_id: run.id, github_deployment_id: String(id) }]);
  });

  it("is taken while its run goes on when it proves who left it, as it would be at an endpoint", async () => {
    const scene = await setScans(engine, { targets: [testTarget(ASKED_BY_ACTION)] });
    const { github } = scene;
    const { run } = github.completeRun({ ...never, action: "in_progress" });
    const request = requestFor(run);
    const id = await leave(github, request, { proof: proofOf(github, request) });
    await scene.scan();
    expect(await scene.deployments()).toMatchObject([
      { run_id: run.id, source: "github_deployment", github_deployment_id: String(id) },
    ]);
    // A secret proves nothing about the run: whether there is one is asked once.
    expect(scene.requests("GET /repos/acme/site/actions/runs/*/attempts/*")).toHaveLength(1);
  });

  it("is refused by the target's rules although it proves who left it", async () => {
    const scene = await setScans(engine, { targets: [testTarget(ASKED_BY_ACTION)] });
    const { github } = scene;
    github.faults.add({ kind: "status", status: 404 }, { route: "GET /repos/*/actions/workflows/*" });
    const request = requestFor(github.completeRun(never).run, { ref: "refs/heads/next" });
    const id = await leave(github, request, { proof: proofOf(github, request) });
    await scene.scan();
    expect(await scene.deployments()).toEqual([]);
    expect(github.statuses("acme/site", id)).toMatchObject([
      { state: "error", description: expect.stringContaining("the ref refs/heads/next may not deploy") },
    ]);
  });

  it("is taken while its run goes on when the job's own token was made out for it", async () => {
    const scene = await setScans(engine, { targets: [testTarget(ASKED_BY_ACTION)] });
    const { github } = scene;
    const { run } = github.completeRun({ ...never, action: "in_progress" });
    const request = requestFor(run, { via: { run_id: run.id, run_attempt: 1 } });
    await leave(github, request, { proof: tokenProof(github, request) });
    await scene.scan();
    expect(await scene.deployments()).toMatchObject([{ run_id: run.id, source: "github_deployment" }]);
  });

  it.each<[string, OidcClaims]>([
    ["made out for endpoints", { aud: "twinhook" }],
    ["made out for another text", { aud: leftAudience("twinhook", "{}") }],
    ["long expired when it was left", { exp: 1, iat: 1, nbf: 1 }],
  ])("waits for its run to end when the token with it is %s", async (_what, claims) => {
    const scene = await setScans(engine, { targets: [testTarget(ASKED_BY_ACTION)] });
    const { github } = scene;
    const { run } = github.completeRun({ ...never, action: "in_progress" });
    const request = requestFor(run, { via: { run_id: run.id, run_attempt: 1 } });
    await leave(github, request, { proof: tokenProof(github, request, claims) });
    await scene.scan();
    expect(await scene.deployments()).toEqual([]);
    expect(await scene.deliveries()).toEqual([]);
  });

  it("waits for the run that started its job's workflow, whatever the token with it proves", async () => {
    const scene = await setScans(engine, { targets: [testTarget(ASKED_BY_ACTION)] });
    const { github, clock } = scene;
    const { run } = github.completeRun({ ...never, action: "in_progress" });
    const request = requestFor(run);
    const proof = tokenProof(github, request, { event_name: "workflow_run" });
    await leave(github, request, { proof });
    await scene.scan();
    expect(await scene.deployments()).toEqual([]);
    github.completeRun({ ...never, runId: run.id });
    clock.advance(60_000);
    await clock.asleep();
    expect(await scene.deployments()).toMatchObject([{ run_id: run.id, source: "github_deployment" }]);
  });

  it("is refused when the token with it is of another workflow than it says", async () => {
    const scene = await setScans(engine, { targets: [testTarget(ASKED_BY_ACTION)] });
    const { github } = scene;
    const { run } = github.completeRun({ ...never, action: "in_progress" });
    const request = requestFor(run, { via: { run_id: run.id, run_attempt: 1 } });
    const proof = tokenProof(github, request, { workflow: ".github/workflows/mine.yml" });
    const id = await leave(github, request, { proof });
    await scene.scan();
    expect(await scene.deployments()).toEqual([]);
    expect(github.statuses("acme/site", id)).toMatchObject([
      { state: "error", description: expect.stringContaining("workflow: the token is of") },
    ]);
  });

  it.each<[string, (github: GitHub, request: DeploymentRequest) => DeploymentRequestPayload["proof"]]>([
    ["is of another secret", (github, request) => proofOf(github, request, { secret: OTHER_SECRET })],
    ["is for another request", (github, request) => proofOf(github, { ...request, run_id: 1 })],
    ["is older than five minutes", (github, request) => proofOf(github, request, { ageMs: 301_000 })],
    ["has no signature", () => ({})],
    ["has another shape", () => "trust me" as never],
  ])("waits for its run to end when its proof %s", async (_what, proof) => {
    const scene = await setScans(engine, { targets: [testTarget(ASKED_BY_ACTION)] });
    const { github, clock } = scene;
    const { run } = github.completeRun({ ...never, action: "in_progress" });
    const request = requestFor(run);
    await leave(github, request, { proof: proof(github, request) });
    await scene.scan();
    expect(await scene.deployments()).toEqual([]);
    github.completeRun({ ...never, runId: run.id });
    clock.advance(60_000);
    await clock.asleep();
    expect(await scene.deployments()).toMatchObject([{ run_id: run.id }]);
  });

  it("is told where its deployment is shown, when the App has made a GitHub Deployment of it before", async () => {
    const scene = await setScans(engine);
    const { github, store } = scene;
    const { run, done } = github.completeRun({ repository: "acme/site" });
    await done;
    const { scans } = await scene.scan();
    await store.write((trx) => trx.updateTable("deployments").set({ github_deployment_id: "77" }).execute());
    const id = await leave(github, requestFor(run));
    void scans.everywhere();
    await scene.clock.asleep();
    expect(await scene.deployments()).toMatchObject([{ source: "catch_up", github_deployment_id: "77" }]);
    expect(github.statuses("acme/site", id)).toMatchObject([
      { state: "inactive", description: expect.stringContaining("the GitHub Deployment 77 shows") },
    ]);
  });

  it("is reported on from now on, when nothing was made of its deployment at GitHub yet", async () => {
    const scene = await setScans(engine);
    const { github } = scene;
    const { run, done } = github.completeRun({ repository: "acme/site" });
    await done;
    const { scans } = await scene.scan();
    const id = await leave(github, requestFor(run));
    void scans.everywhere();
    await scene.clock.asleep();
    expect(await scene.deployments()).toMatchObject([
      { source: "catch_up", github_deployment_id: String(id) },
    ]);
    expect(github.statuses("acme/site", id)).toEqual([]);
  });

  it.each([
    ["a run that failed", { conclusion: "failure" }, {}, "did not succeed"],
    ["a run of a fork's commit", { fork: true, branch: "main" }, {}, "another repository's"],
    ["a run of another workflow", { path: ".github/workflows/lint.yml" }, {}, "no target names the workflow"],
    ["a run of another branch", { branch: "next" }, {}, "allows the branch next"],
    ["a run that a pull request started", { event: "pull_request" }, {}, "started by pull_request"],
    ["another commit than the run's", {}, { sha: "a".repeat(40) }, "the run's commit is"],
    ["a run that does not exist", {}, { run_id: 4 }, "GitHub has no attempt 1 of the run 4"],
    ["an environment without a target", {}, { environment: "moon" }, "no target is configured"],
    ["another repository", {}, { repository: "acme/other" }, "for another repository"],
    ["nothing in particular", {}, { sha: "main" }, "a full commit sha"],
    ["a dry run", {}, { dry_run: true }, "dry run"],
  ])("is refused, noted and answered when it names %s", async (_what, run, change, reason) => {
    const scene = await setScans(engine);
    const { github, clock } = scene;
    // The run is on record, so that only the request could deploy it.
    github.faults.add({ kind: "status", status: 404 }, { route: "GET /repos/*/actions/workflows/*" });
    const request = requestFor(github.completeRun({ ...never, ...run }).run, change);
    const id = await leave(github, request);
    await scene.scan();
    expect(await scene.deployments()).toEqual([]);
    expect(github.statuses("acme/site", id)).toMatchObject([
      { state: "error", description: expect.stringContaining(reason) },
    ]);
    clock.advance(60_000);
    await clock.asleep();
    expect(github.statuses("acme/site", id)).toHaveLength(1);
    expect(await scene.deliveries()).toMatchObject([{ source: "github_deployment", outcome: "ignored" }]);
  });

  it("is answered by a later look when GitHub did not take the answer, and then left alone", async () => {
    const scene = await setScans(engine);
    const { github, clock } = scene;
    const id = await leave(github, requestFor(github.completeRun(never).run, { dry_run: true }));
    github.faults.add({ kind: "status", status: 502 }, { route: `POST ${STATUSES}`, times: 1 });
    await scene.scan();
    expect(github.statuses("acme/site", id)).toEqual([]);
    for (let minute = 0; minute < 3; minute++) {
      clock.advance(60_000);
      await clock.asleep();
      expect(github.statuses("acme/site", id)).toMatchObject([{ state: "error" }]);
    }
    expect(scene.requests(`GET ${STATUSES}`)).toHaveLength(2);
  });

  it("is answered by the next controller when the one that took it ended before it could, and once", async () => {
    const scene = await setScans(engine);
    const { github, store } = scene;
    const { run, done } = github.completeRun({ repository: "acme/site" });
    await done;
    const first = await scene.scan();
    await store.write((trx) => trx.updateTable("deployments").set({ github_deployment_id: "77" }).execute());
    const id = await leave(github, requestFor(run));
    const fault = github.faults.add({ kind: "reset" }, { route: STATUSES });
    void first.scans.everywhere();
    await scene.clock.asleep();
    await first.scans.close();
    expect(github.statuses("acme/site", id)).toEqual([]);

    fault.clear();
    for (const holder of ["primary", "backup again"]) {
      const scans = await scene.start(holder);
      void scans.everywhere();
      await scene.clock.asleep();
      expect(github.statuses("acme/site", id)).toMatchObject([
        { state: "inactive", description: expect.stringContaining("the GitHub Deployment 77 shows") },
      ]);
      await scans.close();
    }
  });

  it("is answered although another look could not be recorded, and that look alone is taken again soon", async () => {
    const scene = await setScans(engine);
    const { github, lines } = scene;
    await refuseCatchUps(scene, engine);
    const id = await leave(github, requestFor(github.completeRun(never).run, { dry_run: true }));
    const { pause } = await scene.scan();
    expect(pause).toBe(5_000);
    expect(github.statuses("acme/site", id)).toMatchObject([{ state: "error" }]);
    expect(await scene.lastScan()).toBeUndefined();
    expect(await scene.lastScan("action_deployments")).toBeDefined();
    const again = lines.filter(({ msg }) => msg.includes("failed, retry in"));
    expect(again).toMatchObject([{ msg: expect.stringMatching(/^the catch-up failed/) }]);
  });

  it("is refused when it is older than the target, and superseded when it is older than what runs", async () => {
    const scene = await setScans(engine, { targets: [testTarget()] });
    const { github, store } = scene;
    const { run } = github.completeRun(never);
    const early = await leave(github, requestFor(run));
    await store.write((trx) =>
      trx
        .updateTable("targets")
        .set({ watch_from: github.clock.now() + 60_000, mark_run_id: run.id + 1_000, mark_run_attempt: 1 })
        .execute(),
    );
    github.clock.advance(120_000);
    const next = github.completeRun(never).run;
    const late = await leave(github, requestFor(next));
    await scene.scan();
    expect(github.statuses("acme/site", early)).toMatchObject([{ state: "error" }]);
    expect(await scene.deployments()).toMatchObject([
      { run_id: next.id, status: "superseded", github_deployment_id: String(late) },
    ]);
    const outbox = await store.read.selectFrom("outbox").select("body").execute();
    expect(outbox.map(({ body }) => JSON.parse(body))).toEqual([{ status: "superseded", detail: null }]);
  });

  it("is not looked for in what the App itself made", async () => {
    const scene = await setScans(engine);
    const { github } = scene;
    const { run } = github.completeRun({ ...never, branch: "next" });
    const own = { ...requestFor(run), id: "dep_1" };
    const id = await leave(github, own);
    await scene.scan();
    expect(await scene.deployments()).toEqual([]);
    expect(await scene.deliveries()).toEqual([]);
    expect(github.statuses("acme/site", id)).toEqual([]);
  });
});
