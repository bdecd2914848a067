import { describe, expect, it } from "vitest";
import { parkedLookup } from "../../../app/catch-up/parked-requests/parked-requests.ts";
import { testTarget } from "../../helpers/arrivals.ts";
import { setScans } from "../../helpers/scans.ts";
import { ENGINES, type Engine } from "../../helpers/stores.ts";
import type { GitHubOptions } from "../../simulator/simulator.ts";

const MINUTE_MS = 60_000;
const LISTS = /\/(deployments|runs)$/;

/** So many repositories of one account, each with a target. */
const repositories = (count: number) =>
  Array.from({ length: count }, (_, index) => testTarget({ repository: `acme/site-${index}`, queue: "all" }));

/** Looks at all of them for so long, and tells what GitHub was asked. */
async function scanFor(engine: Engine, count: number, minutes: number, github?: GitHubOptions) {
  const scene = await setScans(engine, { targets: repositories(count), ...(github && { github }) });
  const { scans } = await scene.scan();
  const pass = async (more: number) => {
    for (let minute = 0; minute < more; minute++) {
      scene.clock.advance(MINUTE_MS);
      await scene.clock.asleep();
    }
  };
  await pass(minutes);
  const calls = () => scene.github.requests;
  return { scene, scans, pass, calls, lists: () => calls().filter(({ path }) => LISTS.test(path)) };
}

describe("repositories in which nothing happens", () => {
  it.each([
    ["sqlite" as const, 10, 900],
    ["postgres" as const, 100, 1_500],
    ["sqlite" as const, 1_000, 1_500],
  ])("cost few calls in an hour (on %s: %i of them less than %i)", async (engine, count, limit) => {
    const { calls, lists } = await scanFor(engine, count, 59);
    // Beside what is counted here, the webhook's URL is compared every 30 s.
    expect(calls().length + 120).toBeLessThan(limit);
    expect(calls().every(({ status }) => status === 200 || status === 201 || status === 304)).toBe(true);
    // What has not changed is no list that GitHub counts.
    if (count === 10) expect(lists().filter(({ status }) => status === 200).length).toBeLessThan(5 * count);
  });
});

describe.each(ENGINES)("many repositories, on %s", (engine) => {
  it("are all looked at in turn, and the next controller goes on where the last one was", async () => {
    const { scene, scans, lists } = await scanFor(engine, 150, 9);
    const seen = () => new Set(lists().map(({ path }) => path));
    const parked = () => [...seen()].filter((path) => path.endsWith("/deployments")).length;
    expect(parked()).toBe(100);
    await scans.close();
    const next = await scene.start("primary");
    void next.everywhere();
    await scene.clock.asleep();
    for (let minute = 0; minute < 6; minute++) {
      scene.clock.advance(MINUTE_MS);
      await scene.clock.asleep();
    }
    expect(parked()).toBe(150);
  });

  it("are looked at without limit once GitHub's answers have named none", async () => {
    const { lists } = await scanFor(engine, 120, 2, { rateLimits: null });
    expect(lists().filter(({ path }) => path.endsWith("/deployments"))).toHaveLength(100 + 2 * 120);
  });

  it("wait for the next hour once few of its calls are left, and one that an event names does not", async () => {
    const { scene, pass, calls, lists } = await scanFor(engine, 20, 0);
    expect(lists()).toHaveLength(40);
    // As an answer would tell: others use the same installation.
    const rateLimit = { resource: "core", limit: 5_000, remaining: 900, resetInMs: 60 * MINUTE_MS };
    scene.budget.note({ account: "acme", result: "ok", rateLimit });
    await pass(10);
    expect(lists()).toHaveLength(40);
    await parkedLookup(scene.store, scene.targets)("acme/site-7");
    await expect.poll(() => lists().length).toBe(41);
    expect(lists().at(-1)?.path).toBe("/repos/acme/site-7/deployments");
    expect(calls().filter(({ status }) => status === 403)).toEqual([]);
  });

  it("hold a request that an event tells of: it is found at once, whichever instance the event came to", async () => {
    const { scene } = await scanFor(engine, 20, 0);
    const { github, store, targets } = scene;
    const repository = "acme/site-13";
    const { run } = github.completeRun({ repository, send: false });
    await leave(github.url, github.githubToken(repository, { deployments: "write" }), repository, run);
    // No time passes meanwhile.
    await parkedLookup(store, targets)("Acme/Site-13");
    await expect
      .poll(() => scene.deployments())
      .toMatchObject([{ source: "github_deployment", run_id: run.id }]);
    const asked = store.read.selectFrom("scans").select("place").whereRef("asked", ">", "served");
    await expect.poll(() => asked.execute()).toEqual([]);
  });

  it("hold a request that was left while GitHub refused to show them, for hours", async () => {
    const { scene, pass } = await scanFor(engine, 1, 0);
    const { github, clock } = scene;
    const { run } = github.completeRun({ repository: "acme/site-0", send: false, conclusion: "failure" });
    const refusal = github.faults.add({ kind: "status", status: 404 }, { route: "GET /repos/*/deployments" });
    const token = github.githubToken("acme/site-0", { deployments: "write" });
    await leave(github.url, token, "acme/site-0", run);
    for (let hour = 0; hour < 3; hour++) {
      for (const one of [github.clock, clock]) one.advance(60 * MINUTE_MS);
      await clock.asleep();
    }
    refusal.clear();
    await pass(1);
    expect(await judged(scene)).toEqual([run.id]);
  });

  it("hold a request that is found although the host's clock is hours ahead of GitHub's", async () => {
    const { scene, pass } = await scanFor(engine, 1, 0);
    const { github, clock } = scene;
    clock.advance(180 * MINUTE_MS);
    await clock.asleep();
    const { run } = github.completeRun({ repository: "acme/site-0", send: false, conclusion: "failure" });
    const token = github.githubToken("acme/site-0", { deployments: "write" });
    await leave(github.url, token, "acme/site-0", run);
    await pass(1);
    expect(await judged(scene)).toEqual([run.id]);
  });

  it("hold a request whose event GitHub could not deliver: its log names the repository", async () => {
    const { scene, pass } = await scanFor(engine, 20, 0);
    const { github } = scene;
    const repository = "acme/site-13";
    const { run } = github.completeRun({ repository, send: false });
    await leave(github.url, github.githubToken(repository, { deployments: "write" }), repository, run);
    await github.waitFor(() => github.deliveries.some(({ event }) => event === "deployment"));
    await pass(1);
    await expect
      .poll(() => scene.deployments())
      .toMatchObject([{ source: "github_deployment", run_id: run.id }]);
  });
});

/** The runs of which a request that was left at GitHub is on record. */
async function judged({ deliveries }: Awaited<ReturnType<typeof setScans>>) {
  return (await deliveries()).filter(({ source }) => source === "github_deployment").map((row) => row.run_id);
}

/** Leaves a request for a run at GitHub, as the Action does. */
async function leave(
  url: string,
  token: string,
  repository: string,
  run: { id: number; run_attempt: number; head_sha: string },
): Promise<void> {
  const { id: run_id, run_attempt, head_sha: sha } = run;
  const facts = { ref: "refs/heads/main", workflow: ".github/workflows/ci.yml" };
  await fetch(`${url}/repos/${repository}/deployments`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({
      ...{ ref: sha, task: "twinhook", environment: "production", auto_merge: false, required_contexts: [] },
      payload: { twinhook: { repository, environment: "production", run_id, run_attempt, sha, ...facts } },
    }),
  });
}
