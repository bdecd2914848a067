import { describe, expect, it } from "vitest";
import { commit } from "../../../app/accept/commit.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { ENGINES } from "../../helpers/stores.ts";
import { tagScene } from "../../helpers/tag-scene.ts";

const TARGET = testTarget();
const MAIN = "acme/site refs/heads/main";

/** GitHub is asked by `scan` alone. */
async function quietScene(...given: Parameters<typeof tagScene>) {
  const scene = await tagScene(...given);
  await scene.stopScanning();
  return scene;
}

describe.each(ENGINES)("a run whose event names its branch, on %s", (engine) => {
  it("begins at once where no tag has this name, at no call of its own", async () => {
    const { scan, accept, claim, calls } = await quietScene(engine);
    await scan();
    await accept({});
    expect(await claim()).toMatchObject({
      kind: "claimed",
      deployment: { ref: "refs/heads/main", reason: null },
    });
    expect(calls()).toBe(1);
  });

  it("does not begin before it is known whether a tag has this name", async () => {
    const { scan, accept, claim, asked, deployment } = await quietScene(engine);
    const { deployments } = await accept({});
    expect(await claim()).toMatchObject({ kind: "held" });
    expect(await asked()).toEqual([{ place: MAIN, result: null }]);
    expect((await deployment(deployments[0]?.id)).reason).toContain("waits until GitHub tells");
    await scan();
    expect(await claim()).toMatchObject({ kind: "claimed", deployment: { reason: null } });
  });

  it("begins as soon as a request proves that it is of the branch, though its event came first", async () => {
    const { accept, claim, store } = await quietScene(engine);
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
    expect(await asks(sha, "manual")).toMatchObject([{ conflict: null }]);
    expect(await claim()).toMatchObject({ kind: "held" });
    expect(await asks("refs/heads/main", "action")).toMatchObject([
      { queued: true, deployments: [{ id: deployments[0]?.id, duplicate: true }] },
    ]);
    expect(await claim()).toMatchObject({ kind: "claimed", deployment: { sha, reason: null } });
  });

  it("does not deploy where the run is a tag's of the same name", async () => {
    const { scan, accept, claim, deployment } = await quietScene(engine);
    await accept({ sha: "a".repeat(40) });
    const { deployments } = await accept({ tag: true, branch: "main", sha: "b".repeat(40) });
    await scan();
    expect(await deployment(deployments[0]?.id)).toMatchObject({
      status: "cancelled",
      reason: expect.stringContaining("the branch does not have its commit"),
    });
    // The branch's own run takes its place: the tag's superseded nothing.
    expect(await claim()).toMatchObject({ kind: "claimed", deployment: { sha: "a".repeat(40) } });
  });

  it("does not deploy where GitHub does not know its commit any more", async () => {
    const { scan, accept, github, deployment } = await quietScene(engine);
    await accept({ sha: "a".repeat(40) });
    const { deployments } = await accept({ tag: true, branch: "main", sha: "b".repeat(40) });
    github.faults.add({ kind: "status", status: 404 }, { route: "GET /repos/*/compare/*" });
    await scan();
    expect(await deployment(deployments[0]?.id)).toMatchObject({
      status: "cancelled",
      reason: expect.stringContaining("the branch does not have its commit"),
    });
  });

  it("deploys where the branch has the commit, although a tag has its name", async () => {
    const { scan, accept, claim, repository } = await quietScene(engine);
    repository.tags.set("main", "c".repeat(40));
    await accept({ sha: "a".repeat(40) });
    repository.pushed.get("main")?.push("d".repeat(40));
    repository.branches.set("main", "d".repeat(40));
    await scan();
    expect(await claim()).toMatchObject({ kind: "claimed", deployment: { sha: "a".repeat(40) } });
  });

  it("is held from the event that a tag of this name was made on", async () => {
    const { scan, accept, claim, tellOfTag, repository, deployment } = await quietScene(engine);
    await scan();
    await tellOfTag(true);
    const { deployments } = await accept({ tag: true, branch: "main", sha: "b".repeat(40) });
    expect(await claim()).toMatchObject({ kind: "held" });
    expect(repository.tags.get("main")).toBe("b".repeat(40));
    await scan();
    expect(await deployment(deployments[0]?.id)).toMatchObject({ status: "cancelled" });
  });

  it("deploys again without a look-up once the tag is gone", async () => {
    const { scan, accept, claim, tellOfTag, repository } = await quietScene(engine);
    repository.tags.set("main", "c".repeat(40));
    await scan();
    repository.tags.delete("main");
    await tellOfTag(false);
    await scan();
    await accept({});
    expect(await claim()).toMatchObject({ kind: "claimed" });
  });

  it("begins and says so where GitHub cannot be asked and no tag was seen", async () => {
    const { scan, accept, claim, github } = await quietScene(engine);
    await github.goDown();
    const { deployments } = await accept({});
    expect(await claim()).toMatchObject({ kind: "held" });
    await scan();
    expect(await claim()).toMatchObject({
      kind: "claimed",
      deployment: {
        id: deployments[0]?.id,
        ref_note: expect.stringContaining("refs/heads/main was taken for a branch: GitHub did not tell"),
      },
    });
  });

  it("goes on waiting where GitHub cannot be asked and a tag of this name was seen", async () => {
    const { scan, accept, claim, github, tellOfTag, deployment } = await quietScene(engine);
    await tellOfTag(true);
    await github.goDown();
    const { deployments } = await accept({});
    await scan();
    expect(await claim()).toMatchObject({ kind: "held" });
    expect((await deployment(deployments[0]?.id)).status).toBe("queued");
  });
});

describe("a run whose event tells the whole ref", () => {
  it.each([
    ["refs/tags/main", "ignored"],
    ["refs/heads/main", "deployed"],
  ])("is judged by it: %s is %s", async (ref, outcome) => {
    const { accept, claim } = await tagScene("sqlite");
    const accepted = await accept({ path: `${TARGET.workflow}@${ref}`, tag: ref.startsWith("refs/tags/") });
    expect(accepted.outcome).toBe(outcome);
    expect((await claim()).kind).toBe(outcome === "deployed" ? "claimed" : "nothing");
  });
});
