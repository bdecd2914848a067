import { describe, expect, it } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import type { Arrival } from "../../../app/accept/arrival.ts";
import { type RollbackRequest, rollBack } from "../../../app/accept/roll-back.ts";
import { systemClock } from "../../../app/clock.ts";
import { claim } from "../../../app/queue/claim/claim.ts";
import { finish } from "../../../app/queue/finish.ts";
import { endExpiredHolds, endHold, setHold } from "../../../app/queue/hold.ts";
import { interrupt } from "../../../app/queue/interrupt.ts";
import { pending } from "../../../app/queue/pending.ts";
import { retry } from "../../../app/queue/retry.ts";
import { dueOnRelease } from "../../../app/reads/waiting-deployments.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";
import { stableSha } from "../../simulator/stable-values.ts";

const HELD = { repositoryKey: "acme/site", repository: "acme/site", target: "production" };

/** A target's queue, worked by hand. */
async function queueOf(engine: Engine, queue: "all" | "latest" = "latest") {
  const target = testTarget({ queue });
  const store = await newStore(engine);
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
  let runner = 0;
  const { name, workflow, lock } = target;
  const place = { repositoryKey: "acme/site", target: name, queue, workflow, lock };
  const next = () =>
    claim(store, { ...place, holder: `run_${++runner}`, instance: "primary", host: "host-1" });
  const accept = async (run: number, options: Parameters<typeof runArrival>[2] = {}) => {
    const accepted = await acceptor.accept(runArrival(run, [target], options) as Arrival);
    return accepted.deployments[0]?.id ?? "";
  };
  /** Runs what comes next to its end; undefined where nothing may begin. */
  const runNext = async (status: "succeeded" | "failed" = "succeeded") => {
    const claimed = await next();
    if (claimed.kind !== "claimed") return undefined;
    const { id, token, holder } = claimed.deployment;
    const lease = { deploymentId: id, holder: holder ?? "", token };
    await finish(store, lease, { status, exitCode: 0, reason: null });
    return id;
  };
  const deploy = async (run: number, status: "succeeded" | "failed" = "succeeded") => {
    const id = await accept(run);
    expect(await runNext(status)).toBe(id);
    return id;
  };
  const hold = (until: number | null = null) =>
    store.write((trx) => setHold(trx, store, HELD, { by: "boss", reason: "a freeze", until }));
  const release = () => store.write((trx) => endHold(trx, store, HELD, "boss"));
  const back = async (request: Partial<RollbackRequest> = {}) => {
    const wanted = { to: "previous", reason: "", hold: true, force: false, by: "boss", ...request };
    const done = await rollBack(store, target, wanted, { instance: "primary", now: Date.now() });
    return "reason" in done ? done : { kind: done.kind, id: done.deployment.id, sha: done.deployment.sha };
  };
  const row = (id: string) =>
    store.read.selectFrom("deployments").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
  const heldBy = async () =>
    (await store.read.selectFrom("targets").selectAll().executeTakeFirst())?.held_by ?? null;
  const alerts = async () =>
    (await store.read.selectFrom("alerts").selectAll().orderBy("id").execute()).map(
      ({ kind, state }) => `${kind} ${state}`,
    );
  return { store, accept, next, runNext, deploy, hold, release, back, row, heldBy, alerts };
}

describe.each(ENGINES)("a held target on %s", (engine) => {
  it("is told once of a hold that a person asks for twice, and again when its end changes", async () => {
    const { hold, alerts } = await queueOf(engine);
    await hold();
    await hold();
    expect(await alerts()).toEqual(["held firing"]);
    await hold(Date.now() + 3_600_000);
    expect(await alerts()).toEqual(["held firing", "held firing"]);
  });

  it("begins nothing and supersedes nothing, and `latest` deploys the newest once it is released", async () => {
    const { accept, hold, release, runNext, row, store } = await queueOf(engine);
    await hold();
    const ids = [await accept(1), await accept(2), await accept(3)];
    expect(await runNext()).toBeUndefined();
    expect((await pending(store)).waiting).toMatchObject([{ isHeld: true }]);
    for (const id of ids) expect((await row(id)).status).toBe("queued");
    await release();
    expect((await pending(store)).waiting).toMatchObject([{ isHeld: false }]);
    expect(await runNext()).toBe(ids[2]);
    for (const id of ids.slice(0, 2)) expect((await row(id)).status).toBe("superseded");
  });

  it("lists what begins on release: one that failed and is retried, and nothing older than it", async () => {
    const { accept, deploy, hold, store } = await queueOf(engine, "all");
    const failed = await deploy(2, "failed");
    await hold();
    await accept(1);
    await retry(store, failed);
    const newer = await accept(3);
    const due = await dueOnRelease(store.read, HELD, "all");
    expect(due.map(({ id }) => id)).toEqual([failed, newer]);
  });

  it("deploys each in order under `all` once it is released", async () => {
    const { accept, hold, release, runNext } = await queueOf(engine, "all");
    await hold();
    const ids = [await accept(1), await accept(2)];
    expect(await runNext()).toBeUndefined();
    await release();
    expect([await runNext(), await runNext()]).toEqual(ids);
  });

  it("goes on by itself when its time is over", async () => {
    const { accept, hold, runNext, store, heldBy, alerts } = await queueOf(engine);
    const id = await accept(1);
    await hold((await store.now(store.read)) - 1);
    expect((await pending(store)).waiting).toMatchObject([{ isHeld: false }]);
    expect(await runNext()).toBe(id);
    await store.write((trx) => endExpiredHolds(trx, store));
    expect(await heldBy()).toBeNull();
    expect(await alerts()).toEqual(["held firing", "held resolved"]);
  });

  it("stays held as long as its time is not over, and knows since when", async () => {
    const { accept, hold, runNext, store } = await queueOf(engine);
    const { since } = await hold();
    expect((await hold((await store.now(store.read)) + 3_600_000)).since).toBe(since);
    await accept(1);
    expect(await runNext()).toBeUndefined();
  });

  it("lets a deployment go on that lost its runner", async () => {
    const { accept, next, hold, runNext, store } = await queueOf(engine);
    const id = await accept(1);
    const claimed = await next();
    await hold();
    if (claimed.kind !== "claimed") throw new Error(claimed.kind);
    expect(await interrupt(store, claimed.deployment, "retry", "its runner ended")).toBe("queued");
    await accept(2);
    expect((await pending(store)).waiting).toMatchObject([{ isHeld: false }]);
    expect(await runNext()).toBe(id);
    expect(await runNext()).toBeUndefined();
  });
});

describe.each(ENGINES)("a rollback on %s", (engine) => {
  it("deploys the last other commit that succeeded, passes its own hold, and keeps newer runs waiting", async () => {
    const { deploy, accept, back, runNext, release, row, heldBy, alerts } = await queueOf(engine);
    await deploy(1);
    await deploy(2);
    const newer = await accept(3);
    const done = await back({ reason: "2 is broken" });
    expect(done).toMatchObject({ kind: "new", sha: stableSha("1") });
    expect(await heldBy()).toBe("boss");
    expect(await runNext()).toBe((done as { id: string }).id);
    const note = `rolled back to ${stableSha("1").slice(0, 12)} by boss: 2 is broken`;
    expect(await row((done as { id: string }).id)).toMatchObject({
      status: "succeeded",
      source: "manual",
      actor: "boss",
      ref: "refs/heads/main",
      reason: note,
    });
    expect(await runNext()).toBeUndefined();
    expect((await row(newer)).status).toBe("queued");
    await release();
    expect(await runNext()).toBe(newer);
    expect(await alerts()).toEqual(["held firing", "rollback event", "held resolved"]);
  });

  it("goes to a deployment or a commit, by its beginning too, without a hold where none is wanted", async () => {
    const { deploy, back, runNext, heldBy } = await queueOf(engine);
    const first = await deploy(1);
    await deploy(2);
    await deploy(3);
    expect(await back({ to: first, hold: false })).toMatchObject({ kind: "new", sha: stableSha("1") });
    await runNext();
    const two = stableSha("2").slice(0, 10).toUpperCase();
    expect(await back({ to: two, hold: false })).toMatchObject({ kind: "new", sha: stableSha("2") });
    expect(await heldBy()).toBeNull();
  });

  it("does nothing where the commit is live, unless something has begun since", async () => {
    const { deploy, back, heldBy } = await queueOf(engine);
    const live = await deploy(1);
    expect(await back({ to: live })).toMatchObject({ kind: "known", id: live });
    expect(await heldBy()).toBeNull();
    await deploy(2, "failed");
    expect(await back({ to: live })).toMatchObject({ kind: "new", sha: stableSha("1") });
  });

  it("is one, however often it is asked for before it has ended", async () => {
    const { deploy, back } = await queueOf(engine);
    await deploy(1);
    await deploy(2);
    const done = await back();
    expect(await back()).toEqual({ ...done, kind: "known" });
  });

  it("is refused to a commit that never succeeded there, unless forced", async () => {
    const { deploy, back, heldBy } = await queueOf(engine);
    await deploy(1);
    const failed = await deploy(2, "failed");
    const unknown = "f".repeat(40);
    for (const to of [failed, stableSha("2"), unknown, unknown.slice(0, 8), "previous"])
      expect(await back({ to })).toMatchObject({
        kind: "conflict",
        reason: expect.stringContaining(`"force": true`),
      });
    expect(await back({ to: "dep_none" })).toMatchObject({ kind: "not_found" });
    expect(await back({ to: unknown.slice(0, 8), force: true })).toMatchObject({ kind: "invalid" });
    expect(await heldBy()).toBeNull();
    expect(await back({ to: failed, force: true })).toMatchObject({ kind: "new", sha: stableSha("2") });
    expect(await back({ to: unknown, force: true })).toMatchObject({ kind: "new", sha: unknown });
  });

  it("leaves the hold of another person as it is", async () => {
    const { deploy, back, hold, store } = await queueOf(engine);
    await deploy(1);
    await deploy(2);
    await hold();
    await back();
    const row = await store.read.selectFrom("targets").selectAll().executeTakeFirstOrThrow();
    expect(row.held_reason).toBe("a freeze");
  });
});
