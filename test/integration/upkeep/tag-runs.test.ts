import { describe, expect, it } from "vitest";
import { commit } from "../../../app/accept/commit.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { eventually } from "../../helpers/eventually.ts";
import { ENGINES } from "../../helpers/stores.ts";
import { tagScene } from "../../helpers/tag-scene.ts";

const EVENTS = ["push", "release", "workflow_dispatch"];
const TAGS = testTarget({ refs: ["refs/tags/v*"], events: EVENTS });
const BOTH = testTarget({ refs: ["refs/heads/**", "refs/tags/**"], events: EVENTS });
const [A, B] = ["a".repeat(40), "b".repeat(40)];
const V1 = { branch: "v1.2.3", sha: A };
const HOUR_MS = 60 * 60_000;

describe.each(ENGINES)("the run of a tag, on %s", (engine) => {
  it.each(EVENTS)(
    "that was started by %s begins once GitHub shows the tag with its commit",
    async (event) => {
      const { accept, claim, scan } = await tagScene(engine, TAGS);
      expect(await accept({ ...V1, tag: true, event })).toMatchObject({ outcome: "deployed" });
      expect(await claim()).toMatchObject({ kind: "held" });
      await scan();
      expect(await claim()).toMatchObject({
        kind: "claimed",
        deployment: { sha: A, ref: "refs/tags/v1.2.3", reason: null },
      });
    },
  );

  it("begins where the tag is annotated", async () => {
    const { accept, claim, scan } = await tagScene(engine, TAGS);
    await accept({ ...V1, tag: "annotated" });
    expect((await claim()).kind).toBe("held");
    await scan();
    expect(await claim()).toMatchObject({ kind: "claimed", deployment: { ref: "refs/tags/v1.2.3" } });
  });

  it("is the tag's where a branch of its name does not have its commit", async () => {
    const { accept, claim, scan } = await tagScene(engine, BOTH);
    await accept({ ...V1, sha: B });
    await accept({ ...V1, tag: true });
    expect((await claim()).kind).toBe("held");
    await scan();
    expect(await claim()).toMatchObject({
      kind: "claimed",
      deployment: { sha: A, ref: "refs/tags/v1.2.3" },
    });
  });

  it("counts as either where branch and tag have its commit", async () => {
    const { accept, claim, scan, repository } = await tagScene(engine, TAGS);
    repository.branches.set("v1.2.3", A);
    await accept({ ...V1, tag: true });
    await claim();
    await scan();
    expect(await claim()).toMatchObject({ kind: "claimed", deployment: { ref: "refs/tags/v1.2.3" } });
  });

  it("gets from one event the ref that each target allows", async () => {
    const staging = testTarget({ environment: "staging", refs: ["refs/heads/v1.2.3"] });
    const { accept, store } = await tagScene(engine, TAGS, staging);
    await accept({ ...V1, tag: true });
    const rows = await store.read
      .selectFrom("deployments")
      .select(["target", "ref"])
      .orderBy("seq")
      .execute();
    expect(rows).toEqual([
      { target: "production", ref: "refs/tags/v1.2.3" },
      { target: "staging", ref: "refs/heads/v1.2.3" },
    ]);
  });

  it("is one deployment with the tag's ref for its event and an Action, whichever comes first", async () => {
    const { accept, claim, store } = await tagScene(engine, TAGS);
    const asks = (runId: number) => {
      const arrival = runArrival(runId, [TAGS], { source: "action", sha: A });
      const facts = arrival.facts && { ...arrival.facts, ref: "refs/tags/v1.2.3" };
      return commit(store, [{ ...arrival, facts }], { instance: "backup", now: 0 });
    };
    await accept({ ...V1, tag: true, runId: 7 });
    expect(await asks(7)).toMatchObject([{ conflict: null, queued: true }]);
    expect(await claim()).toMatchObject({ kind: "claimed", deployment: { ref: "refs/tags/v1.2.3" } });
    expect(await asks(8)).toMatchObject([{ conflict: null, queued: true }]);
    expect(await accept({ ...V1, tag: true, runId: 8 })).toMatchObject({ outcome: "duplicate" });
    const rows = await store.read.selectFrom("deployments").select(["run_id", "ref"]).execute();
    expect(rows).toEqual([
      { run_id: 7, ref: "refs/tags/v1.2.3" },
      { run_id: 8, ref: "refs/tags/v1.2.3" },
    ]);
  });

  it("asks again an hour after GitHub refused to show the tag", async () => {
    const { accept, claim, scan, github, clock } = await tagScene(engine, TAGS);
    const refuses = github.faults.add({ kind: "status", status: 403 }, { route: "GET /repos/*/git/*" });
    await accept({ ...V1, tag: true });
    await claim();
    await scan();
    expect((await claim()).kind).toBe("held");
    refuses.clear();
    clock.advance(HOUR_MS);
    await scan();
    // The waiting deployment asks by itself.
    await eventually(async () => expect((await claim()).kind).toBe("claimed"));
  });
});

describe("a run that only looks like one of an allowed ref", () => {
  it.each([
    [
      "a branch whose name a pattern of tags allows",
      [TAGS],
      { sha: B, tags: null },
      "there is no tag of this name",
    ],
    ["a branch that is named like a tag", [TAGS], { sha: B, tags: A }, "the tag does not have its commit"],
  ])("of %s deploys nothing", async (_what, targets, { sha, tags }, reason) => {
    const { accept, claim, scan, repository, deployment } = await tagScene("sqlite", ...targets);
    if (tags) repository.tags.set("v1.2.3", tags);
    const { deployments } = await accept({ ...V1, sha });
    expect((await claim()).kind).toBe("held");
    await scan();
    expect((await claim()).kind).toBe("nothing");
    expect(await deployment(deployments[0]?.id)).toMatchObject({
      status: "cancelled",
      reason: expect.stringContaining(reason),
    });
  });

  it("is not accepted where no pattern matches", async () => {
    const { accept } = await tagScene("sqlite", TAGS);
    for (const branch of ["main", "v1/2"])
      expect(await accept({ branch })).toMatchObject({
        outcome: "ignored",
        reason: `no target of it allows the branch or tag ${branch}`,
      });
  });
});

describe("a branch that a pattern allows", () => {
  const RELEASES = testTarget({ refs: ["refs/heads/release/*"] });

  it("is looked up first, and its next run begins at once", async () => {
    const { accept, claim, scan } = await tagScene("sqlite", RELEASES);
    await accept({ branch: "release/1" });
    expect((await claim()).kind).toBe("held");
    await scan();
    await accept({ branch: "release/1" });
    expect(await claim()).toMatchObject({ kind: "claimed", deployment: { ref: "refs/heads/release/1" } });
  });

  it("is held after the event that a tag of its name was made", async () => {
    const { asked, tellOfTag } = await tagScene("sqlite", RELEASES);
    await tellOfTag(true, "release/1");
    await tellOfTag(true, "v1");
    expect(await asked()).toEqual([{ place: "acme/site refs/heads/release/1", result: "tag" }]);
  });
});
