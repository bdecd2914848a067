import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Accepted } from "../../../app/accept/accepted.ts";
import { commit } from "../../../app/accept/commit.ts";
import { judgeWorkflowRun, parseWorkflowRun } from "../../../app/accept/workflow-run.ts";
import { readEnvironment } from "../../../app/config/environment.ts";
import { ControllerLease } from "../../../app/failover/controller-lease.ts";
import { githubApp } from "../../../app/github/app.ts";
import { CallBudget } from "../../../app/github/call-budget.ts";
import { RepositoryAccess } from "../../../app/github/repository-access.ts";
import { claim } from "../../../app/queue/claim.ts";
import { TagNames, tagLookup } from "../../../app/upkeep/tag-names.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { SleepersClock } from "../../helpers/sleepers-clock.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";
import type { CompleteRunOptions } from "../../simulator/complete-run.ts";
import { startGitHub } from "../../simulator/simulator.ts";

const TARGET = testTarget();
const MAIN = "acme/site refs/heads/main";

/** A controller's scan of a simulated GitHub, and what a runner may claim. */
async function scene(engine: Engine) {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  const repository = github.addRepository("acme/site");
  const store = await newStore(engine);
  const clock = new SleepersClock();
  const log = pino({ level: "silent" });
  const { environment } = readEnvironment(github.environment());
  const access = new RepositoryAccess(() => githubApp(environment, github.app.webhookSecret, log), clock);
  const lease = new ControllerLease({
    ...{ store, clock, ttlMs: 7 * 24 * 60 * 60_000 },
    candidate: { holder: "backup", instance: "backup", host: "host-1" },
  });
  await lease.acquire(() => true);
  const tags = new TagNames({
    ...{ store, clock, log, access, lease, targets: [TARGET], budget: new CallBudget(clock) },
  });
  onTestFinished(() => tags.close());
  const onTag = tagLookup(store, [TARGET]);
  return {
    github,
    repository,
    store,
    /** Scans what is due. */
    look: () => tags.look(new AbortController().signal),
    /** The event of a run, as any entrance accepts it. */
    async accept(options: Partial<CompleteRunOptions> & { path?: string }) {
      const { event } = github.completeRun({ repository: "acme/site", send: false, ...options });
      const judged = judgeWorkflowRun(parseWorkflowRun(event), [TARGET]);
      const rest = { guid: null, event: "workflow_run", payload: null, viaRunAttempt: null };
      const arrival = { source: "webhook" as const, ...rest, ...judged };
      const [accepted] = await commit(store, [arrival], { instance: "backup", now: clock.now() });
      return accepted as Accepted;
    },
    claim: () =>
      claim(store, {
        ...{ repositoryKey: "acme/site", target: "production", queue: "latest", lock: null },
        ...{ workflow: TARGET.workflow, holder: "runner", instance: "backup", host: "host-1" },
      }),
    tellOfTag: (made: boolean) => onTag({ repository: "acme/site", name: "main", made }),
    deployment: async (id: string | undefined) =>
      store.read
        .selectFrom("deployments")
        .select(["status", "reason", "ref", "ref_note"])
        .where("id", "=", id ?? "")
        .executeTakeFirstOrThrow(),
    asked: () =>
      store.read.selectFrom("scans").select(["place", "result"]).whereRef("asked", ">", "served").execute(),
    calls: () => github.requests.filter(({ path }) => /\/(git|compare)\//.test(path)).length,
  };
}

describe.each(ENGINES)("a run whose event names its branch, on %s", (engine) => {
  it("begins at once where no tag has this name, at no call of its own", async () => {
    const { look, accept, claim, calls } = await scene(engine);
    await look();
    await accept({});
    expect(await claim()).toMatchObject({
      kind: "claimed",
      deployment: { ref: "refs/heads/main", reason: null },
    });
    expect(calls()).toBe(1);
  });

  it("does not begin before it is known whether a tag has this name", async () => {
    const { look, accept, claim, asked, deployment } = await scene(engine);
    const { deployments } = await accept({});
    expect(await claim()).toMatchObject({ kind: "held" });
    expect(await asked()).toEqual([{ place: MAIN, result: null }]);
    expect((await deployment(deployments[0]?.id)).reason).toContain("waits until GitHub tells");
    await look();
    expect(await claim()).toMatchObject({ kind: "claimed", deployment: { reason: null } });
  });

  it("begins as soon as a request proves that it is of the branch, though its event came first", async () => {
    const { accept, claim, store } = await scene(engine);
    const { deployments } = await accept({});
    expect(await claim()).toMatchObject({ kind: "held" });
    const { run_id, sha } = await store.read
      .selectFrom("deployments")
      .select(["run_id", "sha"])
      .executeTakeFirstOrThrow();
    const by = { instance: "backup", now: 0 };
    const asks = (ref: string, source: "action" | "manual") => {
      const arrival = runArrival(run_id ?? 0, [TARGET], { source, sha });
      return commit(store, [{ ...arrival, facts: arrival.facts && { ...arrival.facts, ref } }], by);
    };
    // Who names the commit alone proves nothing of the ref.
    expect(await asks(sha, "manual")).toMatchObject([{ queued: false, conflict: null }]);
    expect(await claim()).toMatchObject({ kind: "held" });
    expect(await asks("refs/heads/main", "action")).toMatchObject([
      { queued: true, deployments: [{ id: deployments[0]?.id, duplicate: true }] },
    ]);
    expect(await claim()).toMatchObject({ kind: "claimed", deployment: { sha, reason: null } });
  });

  it("does not deploy where the run is a tag's of the same name", async () => {
    const { look, accept, claim, deployment } = await scene(engine);
    await accept({ sha: "a".repeat(40) });
    const { deployments } = await accept({ tag: true, branch: "main", sha: "b".repeat(40) });
    await look();
    expect(await deployment(deployments[0]?.id)).toMatchObject({
      status: "cancelled",
      reason: expect.stringContaining("the branch does not have its commit"),
    });
    // The branch's own run takes its place: the tag's superseded nothing.
    expect(await claim()).toMatchObject({ kind: "claimed", deployment: { sha: "a".repeat(40) } });
  });

  it("deploys where the branch has the commit, although a tag has its name", async () => {
    const { look, accept, claim, repository } = await scene(engine);
    repository.tags.set("main", "c".repeat(40));
    await accept({ sha: "a".repeat(40) });
    repository.pushed.get("main")?.push("d".repeat(40));
    repository.branches.set("main", "d".repeat(40));
    await look();
    expect(await claim()).toMatchObject({ kind: "claimed", deployment: { sha: "a".repeat(40) } });
  });

  it("is held from the event that a tag of this name was made on", async () => {
    const { look, accept, claim, tellOfTag, repository, deployment } = await scene(engine);
    await look();
    await tellOfTag(true);
    const { deployments } = await accept({ tag: true, branch: "main", sha: "b".repeat(40) });
    expect(await claim()).toMatchObject({ kind: "held" });
    expect(repository.tags.get("main")).toBe("b".repeat(40));
    await look();
    expect(await deployment(deployments[0]?.id)).toMatchObject({ status: "cancelled" });
  });

  it("deploys again without a look-up once the tag is gone", async () => {
    const { look, accept, claim, tellOfTag, repository } = await scene(engine);
    repository.tags.set("main", "c".repeat(40));
    await look();
    repository.tags.delete("main");
    await tellOfTag(false);
    await look();
    await accept({});
    expect(await claim()).toMatchObject({ kind: "claimed" });
  });

  it("begins and says so where GitHub cannot be asked and no tag was seen", async () => {
    const { look, accept, claim, github } = await scene(engine);
    await github.goDown();
    const { deployments } = await accept({});
    expect(await claim()).toMatchObject({ kind: "held" });
    await look();
    expect(await claim()).toMatchObject({
      kind: "claimed",
      deployment: {
        id: deployments[0]?.id,
        ref_note: expect.stringContaining("refs/heads/main was taken for a branch: GitHub did not tell"),
      },
    });
  });

  it("goes on waiting where GitHub cannot be asked and a tag of this name was seen", async () => {
    const { look, accept, claim, github, tellOfTag, deployment } = await scene(engine);
    await tellOfTag(true);
    await github.goDown();
    const { deployments } = await accept({});
    await look();
    expect(await claim()).toMatchObject({ kind: "held" });
    expect((await deployment(deployments[0]?.id)).status).toBe("queued");
  });
});

describe("a run whose event tells the whole ref", () => {
  it.each([
    ["refs/tags/main", "ignored"],
    ["refs/heads/main", "deployed"],
  ])("is judged by it: %s is %s", async (ref, outcome) => {
    const { accept, claim } = await scene("sqlite");
    const accepted = await accept({ path: `${TARGET.workflow}@${ref}`, tag: ref.startsWith("refs/tags/") });
    expect(accepted.outcome).toBe(outcome);
    expect((await claim()).kind).toBe(outcome === "deployed" ? "claimed" : "nothing");
  });
});
