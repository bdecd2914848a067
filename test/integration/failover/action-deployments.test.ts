import { describe, expect, it } from "vitest";
import type { DeploymentRequest, DeploymentRequestPayload } from "../../../shared/deployment-request.ts";
import { testTarget } from "../../helpers/arrivals.ts";
import type { GitHub } from "../../helpers/github/simulator.ts";
import { setLooks } from "../../helpers/looks.ts";
import { ENGINES } from "../../helpers/stores.ts";

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
async function leave(github: GitHub, request: DeploymentRequest, asText = false): Promise<number> {
  const payload: DeploymentRequestPayload = { twinhook: request };
  const response = await fetch(`${github.url}/repos/acme/site/deployments`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${github.githubToken("acme/site", { deployments: "write" })}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({
      ref: request.sha,
      task: "twinhook",
      environment: request.environment,
      auto_merge: false,
      required_contexts: [],
      payload: asText ? JSON.stringify(payload) : payload,
    }),
  });
  return ((await response.json()) as { id: number }).id;
}

const never = { repository: "acme/site", send: false };

describe.each(ENGINES)("a request that an Action left at GitHub, on %s", (engine) => {
  it("is accepted with its payload, and the App is to report on that GitHub Deployment", async () => {
    const scene = await setLooks(engine);
    const { github, store } = scene;
    const { run } = github.completeRun(never);
    const id = await leave(github, requestFor(run));
    await scene.look();
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

  it("is understood as text too, found within a minute, and taken once", async () => {
    const scene = await setLooks(engine);
    const { github, clock } = scene;
    await scene.look();
    const { run } = github.completeRun(never);
    await leave(github, requestFor(run), true);
    const calls = () => scene.requests("GET /repos/acme/site/actions/runs/*/attempts/*");
    for (let minute = 0; minute < 3; minute++) {
      clock.advance(60_000);
      await clock.asleep();
      expect(await scene.deployments()).toMatchObject([{ source: "github_deployment" }]);
    }
    expect(calls()).toHaveLength(1);
  });

  it("meets the event of its run in one deployment, and comes first", async () => {
    const scene = await setLooks(engine);
    const { github } = scene;
    const { run, done, guid } = github.completeRun({ repository: "acme/site" });
    await done;
    const id = await leave(github, requestFor(run));
    await scene.look();
    expect(await scene.deployments()).toMatchObject([
      { run_id: run.id, source: "github_deployment", github_deployment_id: String(id) },
    ]);
    const event = (await scene.deliveries()).find((row) => row.guid === guid);
    expect(event).toMatchObject({ outcome: "duplicate", source: "catch_up" });
  });

  it("waits for the run that it names, and is taken once that has succeeded", async () => {
    const scene = await setLooks(engine);
    const { github, clock } = scene;
    const { run } = github.completeRun({ ...never, action: "in_progress" });
    const id = await leave(github, requestFor(run));
    await scene.look();
    expect(await scene.deployments()).toEqual([]);
    github.completeRun({ ...never, runId: run.id });
    clock.advance(60_000);
    await clock.asleep();
    expect(await scene.deployments()).toMatchObject([{ run_id: run.id, github_deployment_id: String(id) }]);
  });

  it("is told where its deployment is shown, when the App has made a GitHub Deployment of it before", async () => {
    const scene = await setLooks(engine);
    const { github, store } = scene;
    const { run, done } = github.completeRun({ repository: "acme/site" });
    await done;
    const { looks } = await scene.look();
    await store.write((trx) => trx.updateTable("deployments").set({ github_deployment_id: "77" }).execute());
    const id = await leave(github, requestFor(run));
    void looks.everywhere();
    await scene.clock.asleep();
    expect(await scene.deployments()).toMatchObject([{ source: "catch_up", github_deployment_id: "77" }]);
    expect(github.statuses("acme/site", id)).toMatchObject([
      { state: "inactive", description: expect.stringContaining("the GitHub Deployment 77 shows") },
    ]);
  });

  it("is reported on from now on, when nothing was made of its deployment at GitHub yet", async () => {
    const scene = await setLooks(engine);
    const { github } = scene;
    const { run, done } = github.completeRun({ repository: "acme/site" });
    await done;
    const { looks } = await scene.look();
    const id = await leave(github, requestFor(run));
    void looks.everywhere();
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
    const scene = await setLooks(engine);
    const { github, clock } = scene;
    // The run is on record, so that only the request could deploy it.
    github.faults.add({ kind: "status", status: 404 }, { route: "GET /repos/*/actions/workflows/*" });
    const request = requestFor(github.completeRun({ ...never, ...run }).run, change);
    const id = await leave(github, request);
    await scene.look();
    expect(await scene.deployments()).toEqual([]);
    expect(github.statuses("acme/site", id)).toMatchObject([
      { state: "error", description: expect.stringContaining(reason) },
    ]);
    clock.advance(60_000);
    await clock.asleep();
    expect(github.statuses("acme/site", id)).toHaveLength(1);
    expect(await scene.deliveries()).toMatchObject([{ source: "github_deployment", outcome: "ignored" }]);
  });

  it("is refused when it is older than the target, and superseded when it is older than what runs", async () => {
    const scene = await setLooks(engine, { targets: [testTarget()] });
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
    await scene.look();
    expect(github.statuses("acme/site", early)).toMatchObject([{ state: "error" }]);
    expect(await scene.deployments()).toMatchObject([
      { run_id: next.id, status: "superseded", github_deployment_id: String(late) },
    ]);
  });

  it("is not looked for in what the App itself made", async () => {
    const scene = await setLooks(engine);
    const { github } = scene;
    const { run } = github.completeRun({ ...never, branch: "next" });
    const own = { ...requestFor(run), id: "dep_1" };
    const id = await leave(github, own);
    await scene.look();
    expect(await scene.deployments()).toEqual([]);
    expect(await scene.deliveries()).toEqual([]);
    expect(github.statuses("acme/site", id)).toEqual([]);
  });
});
