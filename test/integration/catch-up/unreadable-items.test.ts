import { describe, expect, it } from "vitest";
import { testTarget } from "../../helpers/arrivals.ts";
import { setScans } from "../../helpers/scans.ts";
import { leaveRequest } from "../../simulator/leave-request.ts";
import type { GitHub } from "../../simulator/simulator.ts";

const never = { repository: "acme/site", send: false };
const MINUTE_MS = 60_000;

/** Puts other values into what the simulated GitHub shows. */
const spoil = (item: object, values: Record<string, unknown>) => Object.assign(item, values);

/** Looks everywhere, until something is accepted: a look that had no time to commit is taken again. */
async function look(scene: Awaited<ReturnType<typeof setScans>>) {
  const { scans } = await scene.scan();
  for (let tries = 0; tries < 5 && (await scene.deployments()).length === 0; tries++) {
    scene.clock.advance(MINUTE_MS);
    await scene.clock.asleep();
  }
  return scans;
}

/** Lines of the log that name what was passed over. */
const passedOver = ({ lines }: Awaited<ReturnType<typeof setScans>>) =>
  lines.map(({ msg }) => msg).filter((msg) => msg.includes("passed over"));

/** Leaves a request for this run at GitHub, and returns the GitHub Deployment. */
async function leave(github: GitHub, run: { id: number; head_sha: string }) {
  const request = {
    repository: "acme/site",
    environment: "production",
    run_id: run.id,
    run_attempt: 1,
    sha: run.head_sha,
    ref: "refs/heads/main",
    workflow: ".github/workflows/ci.yml",
  };
  const id = await leaveRequest(github, { sha: run.head_sha, payload: { twinhook: request } });
  return github.repository("acme/site").deployments.find((one) => one.id === id) as object & { id: number };
}

describe("the reconciling", () => {
  it.each([
    ["an actor without a login", { actor: { login: null } }],
    ["no actor", { actor: null, triggering_actor: null }],
    ["an actor that is no object", { actor: "octocat" }],
    ["a start that is no text", { run_started_at: 5 }],
    ["no head commit", { head_commit: null }],
  ])("deploys a run with %s, since that is only shown", async (_, values) => {
    const scene = await setScans("sqlite");
    const { run } = scene.github.completeRun(never);
    spoil(run, values);
    await look(scene);
    expect((await scene.deployments()).map(({ run_id }) => run_id)).toEqual([run.id]);
  });

  it.each([
    ["no commit", { head_sha: null }],
    ["no repository", { repository: null }],
    ["no time of its last change", { updated_at: null }],
  ])("passes over a run with %s, deploys the one beside it, and says so once", async (_, values) => {
    const scene = await setScans("sqlite");
    const { clock } = scene;
    const bad = scene.github.completeRun(never).run;
    const good = scene.github.completeRun(never).run;
    spoil(bad, values);
    await look(scene);
    for (let minute = 0; minute < 20; minute++) {
      clock.advance(MINUTE_MS);
      await clock.asleep();
    }
    expect((await scene.deployments()).map(({ run_id }) => run_id)).toEqual([good.id]);
    const said = passedOver(scene);
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(String(bad.id));
    expect(said[0]).not.toContain("{");
  });
});

describe("the catch-up", () => {
  it("reads the rows beside one that cannot be read, and says that once", async () => {
    const scene = await setScans("sqlite");
    const { github, clock } = scene;
    const [first] = await scene.completeRuns(1);
    const strange = await github.completeRun({ repository: "acme/site" }).delivery;
    const [last] = await scene.completeRuns(1);
    spoil(strange, { guid: null });
    github.faults.add({ kind: "status", status: 404 }, { route: "GET /repos/*/runs" });
    const scans = await look(scene);
    void scans.catchUp();
    await clock.asleep();
    expect((await scene.deployments()).map(({ run_id }) => run_id)).toEqual([first, last]);
    const said = passedOver(scene);
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(String(strange.id));
  });

  it.each([
    ["duration", null],
    ["action", 7],
    ["status_code", null],
  ])("reads a row whose %s is %s", async (field, value) => {
    const scene = await setScans("sqlite");
    const { github } = scene;
    const sent = github.completeRun({ repository: "acme/site" });
    const row = await sent.delivery;
    spoil(row, { [field]: value });
    await look(scene);
    expect((await scene.deployments()).map(({ run_id }) => run_id)).toEqual([sent.run.id]);
    expect(passedOver(scene)).toEqual([]);
  });

  it("passes over a payload that GitHub refuses to give, and says so with its GUID", async () => {
    const scene = await setScans("sqlite");
    const { github, clock } = scene;
    const bad = github.completeRun({ repository: "acme/site" });
    const { id } = await bad.delivery;
    const [good] = await scene.completeRuns(1);
    github.faults.add({ kind: "status", status: 422 }, { route: `GET /app/hook/deliveries/${id}` });
    github.faults.add({ kind: "status", status: 404 }, { route: "GET /repos/*/runs" });
    await look(scene);
    for (let tries = 1; tries < 10 && !(await scene.lastScan()); tries++) {
      clock.advance(MINUTE_MS);
      await clock.asleep();
    }
    expect((await scene.deployments()).map(({ run_id }) => run_id)).toEqual([good]);
    expect(passedOver(scene)).toMatchObject([expect.stringContaining(bad.guid)]);
  });
});

describe("the look for requests that an Action left", () => {
  it("finds the request beside a Deployment that cannot be read", async () => {
    const scene = await setScans("sqlite", { targets: [testTarget()] });
    const { github } = scene;
    const { run } = github.completeRun(never);
    const bad = await leave(github, run);
    const good = await leave(github, run);
    spoil(bad, { created_at: null });
    await look(scene);
    expect(await scene.deployments()).toMatchObject([
      { run_id: run.id, source: "github_deployment", github_deployment_id: String(good.id) },
    ]);
    expect(passedOver(scene)).toMatchObject([expect.stringContaining(String(bad.id))]);
  });

  it("refuses a request whose run cannot be read, and takes the one beside it", async () => {
    const scene = await setScans("sqlite", { targets: [testTarget()] });
    const { github } = scene;
    const bad = github.completeRun(never).run;
    const good = github.completeRun(never).run;
    await leave(github, bad);
    await leave(github, good);
    spoil(bad, { head_repository: 5 });
    await look(scene);
    expect((await scene.deployments()).map(({ run_id }) => run_id)).toEqual([good.id]);
    const refused = (await scene.deliveries()).find(({ run_id }) => run_id === bad.id);
    expect(refused?.reason).toContain("cannot be read");
  });
});
