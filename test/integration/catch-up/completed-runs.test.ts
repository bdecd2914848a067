import { describe, expect, it } from "vitest";
import { RepositoryNames } from "../../../app/accept/repository-names.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { setScans } from "../../helpers/scans.ts";
import { ENGINES } from "../../helpers/stores.ts";

const RUNS = "GET /repos/[^/]+/[^/]+/actions/workflows/[^/]+/runs";
const HOUR_MS = 60 * 60_000;
const never = { repository: "acme/site", send: false };

describe.each(ENGINES)("the reconciling on %s", (engine) => {
  it("finds a run whose event GitHub never sent, and accepts it between those that could not be delivered", async () => {
    const scene = await setScans(engine);
    const { github } = scene;
    const [first] = await scene.completeRuns(1);
    const { run } = github.completeRun(never);
    const [last] = await scene.completeRuns(1);
    await scene.scan();
    expect(await scene.deployments()).toMatchObject([
      { run_id: first, source: "catch_up" },
      { run_id: run.id, source: "reconcile" },
      { run_id: last, source: "catch_up" },
    ]);
    expect(await scene.lastScan("reconcile")).toMatchObject({ found: 1, accepted: 1 });
    expect(await scene.lastScan()).toMatchObject({ found: 2, accepted: 2 });
  });

  it("looks again every ten minutes, and finds nothing twice", async () => {
    const scene = await setScans(engine);
    const { github, clock } = scene;
    github.completeRun(never);
    await scene.scan();
    for (let minute = 1; minute <= 20; minute++) {
      clock.advance(60_000);
      await clock.asleep();
    }
    expect(scene.requests(RUNS)).toHaveLength(3);
    expect(await scene.deployments()).toHaveLength(1);
    expect(await scene.deliveries()).toHaveLength(1);
    expect(await scene.lastScan("reconcile")).toMatchObject({ found: 1, accepted: 1 });
  });

  it("finds the attempt of a run that was run again, beside the one on record", async () => {
    const scene = await setScans(engine);
    const { github } = scene;
    const first = github.completeRun({ repository: "acme/site" });
    await first.done;
    const { scans } = await scene.scan();
    github.completeRun({ ...never, runId: first.run.id });
    void scans.everywhere();
    await scene.clock.asleep();
    expect(await scene.deployments()).toMatchObject([
      { run_id: first.run.id, run_attempt: 1 },
      { run_id: first.run.id, run_attempt: 2, source: "reconcile" },
    ]);
  });

  it("notes once, and does not deploy, the further attempt of a run that an Action asked for", async () => {
    const scene = await setScans(engine);
    const { github, acceptor, targets, clock } = scene;
    const { run } = github.completeRun({ ...never, conclusion: "failure" });
    await acceptor.accept(
      runArrival(run.id, targets, { source: "action", viaRunAttempt: 1, sha: run.head_sha }),
    );
    github.completeRun({ ...never, runId: run.id });
    const { scans } = await scene.scan();
    void scans.everywhere();
    await clock.asleep();
    expect(await scene.deployments()).toMatchObject([{ run_id: run.id, run_attempt: 1, source: "action" }]);
    const deliveries = (await scene.deliveries()).filter(({ source }) => source === "reconcile");
    expect(deliveries).toMatchObject([
      { run_attempt: 2, outcome: "ignored", reason: expect.stringContaining("an Action asked for this run") },
    ]);
  });

  it("leaves out what does not deploy: failed runs, forks, other branches, workflows and starts", async () => {
    const scene = await setScans(engine);
    const { github } = scene;
    for (const given of [
      { conclusion: "failure" },
      { action: "in_progress" as const },
      { fork: true, branch: "main" },
      { branch: "next" },
      { path: ".github/workflows/lint.yml" },
      { event: "pull_request", branch: "main" },
    ])
      github.completeRun({ ...never, ...given });
    await scene.scan();
    expect(await scene.deployments()).toEqual([]);
  });

  it("deploys none of the months of runs of a repository that is new to it", async () => {
    const scene = await setScans(engine);
    const { github, store } = scene;
    const now = github.clock.now();
    for (let hours = 2_000; hours > 0; hours -= 10) {
      const at = now - hours * HOUR_MS;
      github.completeRun({ ...never, createdAt: at, startedAt: at, updatedAt: at });
    }
    const { run } = github.completeRun(never);
    await scene.scan();
    expect((await scene.deployments()).map(({ run_id }) => run_id)).toEqual([run.id]);
    const marks = await store.read.selectFrom("targets").select("mark_run_id").execute();
    expect(marks).toEqual([{ mark_run_id: 0 }]);
  });

  it("looks no further back than 72 hours", async () => {
    const scene = await setScans(engine);
    const { github, store } = scene;
    await store.write((trx) => trx.updateTable("targets").set({ watch_from: 0 }).execute());
    const ids = [73, 71].map((hours) => {
      const at = github.clock.now() - hours * HOUR_MS;
      return github.completeRun({ ...never, createdAt: at, startedAt: at, updatedAt: at }).run.id;
    });
    await scene.scan();
    expect((await scene.deployments()).map(({ run_id }) => run_id)).toEqual(ids.slice(1));
  });

  it("finds a run of weeks ago that was run again only now, ten minutes after it began and then once an hour", async () => {
    const scene = await setScans(engine);
    const { github, clock } = scene;
    const created = github.clock.now() - 30 * 24 * HOUR_MS;
    const completeLate = () =>
      github.completeRun({ ...never, attempt: 2, createdAt: created, startedAt: github.clock.now() }).run.id;
    const found = async () => (await scene.deployments()).map(({ run_id }) => run_id);
    const scan = async () => {
      const scans = scene.requests(RUNS).length;
      while (scene.requests(RUNS).length === scans) {
        clock.advance(await clock.asleep());
        await clock.asleep();
      }
    };
    const first = completeLate();
    await scene.scan();
    expect(await found()).toEqual([]);
    await scan();
    expect(await found()).toEqual([first]);

    const second = completeLate();
    for (let minutes = 10; minutes < 60; minutes += 10) await scan();
    expect(await found()).toEqual([first]);
    await scan();
    expect(await found()).toEqual([first, second]);
  });

  it("does not judge again a run whose event arrived and was ignored, after the rules were changed", async () => {
    const scene = await setScans(engine);
    const { github, acceptor } = scene;
    const { run } = github.completeRun(never);
    await acceptor.accept({
      source: "webhook",
      guid: "guid-1",
      event: "workflow_run",
      action: "completed",
      facts: {
        repository: "acme/site",
        runId: run.id,
        runAttempt: 1,
        runStartedAt: null,
        sha: run.head_sha,
        ref: "refs/heads/main",
        workflow: run.path,
        actor: null,
        commitTitle: null,
        numbered: null,
      },
      repository: "acme/site",
      targets: [],
      ignored: "no target of it allows the branch main",
      payload: null,
      viaRunAttempt: null,
    });
    await scene.scan();
    expect(await scene.deployments()).toEqual([]);
  });

  it("supersedes a run that is older than what has been deployed", async () => {
    const scene = await setScans(engine);
    const { github, store } = scene;
    const { run } = github.completeRun(never);
    await store.write((trx) =>
      trx
        .updateTable("targets")
        .set({ mark_run_id: run.id + 1, mark_run_attempt: 1 })
        .execute(),
    );
    await scene.scan();
    expect(await scene.deployments()).toMatchObject([{ run_id: run.id, status: "superseded" }]);
    expect(await scene.lastScan("reconcile")).toMatchObject({ found: 1, accepted: 0 });
  });

  it("reads every page of GitHub's list", async () => {
    const scene = await setScans(engine);
    for (let i = 0; i < 230; i++) scene.github.completeRun(never);
    await scene.scan();
    expect(await scene.deployments()).toHaveLength(230);
    expect(scene.requests(RUNS)).toHaveLength(3);
  });

  it("asks under a repository's new name once another one has taken the old one", async () => {
    const targets = [testTarget({ queue: "all" })];
    const names = new RepositoryNames(targets);
    const scene = await setScans(engine, { targets, names });
    const { github } = scene;
    const { id } = github.repository("acme/site");
    github.renameRepository("acme/site", "acme/shop");
    const { id: taken_by } = github.addRepository("acme/site", { id: 99 });
    names.set([{ name: "acme/site", id, full_name: "acme/shop", taken_by }]);
    const { run } = github.completeRun({ repository: "acme/shop", send: false });
    await scene.scan();
    expect(await scene.deployments()).toMatchObject([{ run_id: run.id, source: "reconcile" }]);
    expect(scene.requests("GET /repos/acme/site/actions/.*")).toEqual([]);
  });

  it("says that a workflow is gone, and not that the App is to be installed", async () => {
    const { github, lines, scan } = await setScans(engine);
    github.faults.add(
      { kind: "status", status: 404, message: "Not Found" },
      { route: "GET */workflows/ci.yml/*" },
    );
    await scan();
    const said = lines.map(({ msg }) => msg).filter((msg) => msg.includes("is not compared"));
    expect(said).toEqual([
      ".github/workflows/ci.yml of acme/site is not compared with GitHub's runs: GitHub has no workflow of the path " +
        ".github/workflows/ci.yml there; correct `workflow` in twinhook.yml, or put the file back on the default branch",
    ]);
  });

  it("looks at the other repositories when GitHub refuses one, and says how to change that", async () => {
    const shop = testTarget({ repository: "acme/shop", environment: "shop" });
    const scene = await setScans(engine, { targets: [testTarget(), shop] });
    const { github, lines } = scene;
    github.repository("acme/shop").installation_id = null;
    const { run } = github.completeRun(never);
    const { pause } = await scene.scan();
    expect(pause).toBe(60_000);
    expect((await scene.deployments()).map(({ run_id }) => run_id)).toEqual([run.id]);
    const said = lines.map(({ msg }) => msg).filter((msg) => msg.includes("acme/shop"));
    expect(said).toHaveLength(2);
    expect(said.every((msg) => msg.includes("install the App on the repository"))).toBe(true);
  });
});
