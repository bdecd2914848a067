import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import type { Arrival } from "../../../app/accept/arrival.ts";
import { systemClock } from "../../../app/clock.ts";
import type { TargetConfig } from "../../../app/config/schema.ts";
import { cancel } from "../../../app/queue/cancel.ts";
import { claim } from "../../../app/queue/claim/claim.ts";
import { finish } from "../../../app/queue/finish.ts";
import { interrupt } from "../../../app/queue/interrupt.ts";
import { LeaseLostError } from "../../../app/queue/lease.ts";
import { renew } from "../../../app/queue/renew.ts";
import { retry } from "../../../app/queue/retry.ts";
import { countVerifications } from "../../../app/reads/count-verifications.ts";
import { inSlices } from "../../../app/store/in-slices.ts";
import type { DeploymentRecord } from "../../../app/store/schema.ts";
import type { Store, Writer } from "../../../app/store/store.ts";
import { manualArrival, runArrival, testTarget } from "../../helpers/arrivals.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";
import { stableSha } from "../../simulator/stable-values.ts";

/** The queue of one store, worked by hand: each step is what an instance or a runner would do. */
async function queueOf(engine: Engine, target: TargetConfig = testTarget({ queue: "all" })) {
  const store = await newStore(engine);
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
  const accept = async (arrival: Arrival) => {
    const accepted = await acceptor.accept(arrival);
    return { ...accepted, id: accepted.deployments[0]?.id ?? "" };
  };
  const row = (id: string) =>
    store.read.selectFrom("deployments").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
  let runner = 0;
  const next = (who: Partial<{ target: TargetConfig; holder: string; host: string }> = {}) => {
    const { name, queue, lock, workflow } = who.target ?? target;
    const { holder = `run_${++runner}`, host = "host-1" } = who;
    return claim(store, {
      repositoryKey: "acme/site",
      target: name,
      queue,
      workflow,
      lock,
      holder,
      instance: "primary",
      host,
    });
  };
  const begin = async (who: Parameters<typeof next>[0] = {}) => {
    const claimed = await next(who);
    if (claimed.kind !== "claimed") throw new Error(`nothing was claimed: ${claimed.kind}`);
    return claimed.deployment;
  };
  const leaseOf = (d: DeploymentRecord) => ({ deploymentId: d.id, holder: d.holder ?? "", token: d.token });
  const end = (d: DeploymentRecord, status: "succeeded" | "failed" = "succeeded") =>
    finish(store, leaseOf(d), { status, exitCode: status === "succeeded" ? 0 : 1, reason: null });
  const deploy = async (arrival: Arrival) => {
    const { id } = await accept(arrival);
    await end(await begin());
    return id;
  };
  return { store, target, targets: [target], accept, row, next, begin, leaseOf, end, deploy };
}

describe.each(ENGINES)("the order of deployments on %s", (engine) => {
  it("deploys a run once, however often it arrives and by whichever route", async () => {
    const { accept, targets, store } = await queueOf(engine);
    const first = await accept(runArrival(100, targets, { guid: "a" }));
    const again = await accept(runArrival(100, targets, { guid: "a" }));
    const other = await accept(runArrival(100, targets, { guid: "b" }));
    const action = await accept(runArrival(100, targets, { source: "action", viaRunAttempt: 1 }));
    expect([again.id, other.id, action.id]).toEqual([first.id, first.id, first.id]);
    expect([first, again, other, action].map((a) => a.deployments[0]?.duplicate)).toEqual([
      false,
      true,
      true,
      true,
    ]);
    expect(await store.read.selectFrom("deployments").select("id").execute()).toHaveLength(1);
  });

  it("counts what an Action asked for, and learns what the commit is about, whichever of the two comes first", async () => {
    const { accept, targets, store } = await queueOf(engine);
    const event = (run: number) => runArrival(run, targets, { commitTitle: "Fix the footer" });
    const asked = (run: number) => runArrival(run, targets, { source: "action", viaRunAttempt: 1 });
    for (const arrival of [event(100), asked(100), asked(101), event(101), event(102)]) await accept(arrival);
    expect(await countVerifications(store, null)).toEqual({ requested: 2, verified: 0 });
    const titles = await store.read.selectFrom("deployments").select("commit_title").execute();
    expect(titles.map(({ commit_title }) => commit_title)).toEqual(Array(3).fill("Fix the footer"));
  });

  it("begins nothing under `all` while an earlier run is missing; under `latest` it does", async () => {
    const { accept, begin, next, end, row, target, targets } = await queueOf(engine);
    await accept(runArrival(100, targets, { number: 1 }));
    await end(await begin());
    const later = await accept(runArrival(102, targets, { number: 3 }));
    expect(await next()).toEqual({ kind: "held", deploymentId: later.id });
    expect(await row(later.id)).toMatchObject({ status: "queued", order_gap: "run #2" });
    // One that GitHub could not deliver, and that catch-up brings.
    const earlier = await accept(runArrival(101, targets, { number: 2, source: "catch_up" }));
    for (const id of [earlier.id, later.id]) {
      const deployment = await begin();
      expect(deployment).toMatchObject({ id, order_gap: null, reason: null });
      await end(deployment);
    }

    const other = { ...target, name: "other", queue: "latest" as const };
    await accept(runArrival(102, [other], { number: 9 }));
    expect(await next({ target: other })).toMatchObject({ kind: "claimed" });
  });

  it("counts an earlier run as known by its event, whatever that was, and by a request for it", async () => {
    const { accept, begin, end, targets } = await queueOf(engine);
    await accept(runArrival(100, targets, { number: 1 }));
    await end(await begin());
    await accept({ ...runArrival(101, [], { number: 2, guid: "a" }), ignored: "the run did not succeed" });
    const asked = await accept(runArrival(102, targets, { number: 3, source: "action" }));
    await end(await begin());
    const last = await accept(runArrival(103, targets, { number: 4 }));
    expect((await begin()).id).toBe(last.id);
    expect(asked.outcome).toBe("deployed");
  });

  it("learns the number of a run from its event, where the request did not tell it", async () => {
    const { accept, begin, end, next, targets } = await queueOf(engine);
    await accept({
      ...runArrival(100, [], { number: 1, guid: "a", settles: false }),
      ignored: "not completed",
    });
    await accept(runArrival(100, targets, { source: "action" }));
    await end(await begin());
    await accept(runArrival(102, targets, { source: "action" }));
    await accept(runArrival(102, targets, { number: 3 }));
    expect(await next()).toMatchObject({ kind: "held" });
  });

  it("makes one deployment per target from one event", async () => {
    const { accept } = await queueOf(engine);
    const targets = [testTarget({ name: "web" }), testTarget({ name: "worker" })];
    const { deployments } = await accept(runArrival(100, targets));
    expect(new Set(deployments.map(({ id }) => id)).size).toBe(2);
  });

  it("supersedes a run that arrives after a newer one began", async () => {
    const { accept, targets, deploy, row } = await queueOf(engine);
    const newer = await deploy(runArrival(200, targets));
    const late = await accept(runArrival(100, targets));
    expect(late.outcome).toBe("superseded");
    expect(await row(late.id)).toMatchObject({ status: "superseded", superseded_by: newer });
  });

  it("goes by run id and attempt, and by neither time nor commit", async () => {
    const { accept, targets, deploy, row } = await queueOf(engine);
    await deploy(runArrival(200, targets, { startedAt: 2_000_000 }));
    const older = await accept(runArrival(100, targets, { startedAt: 9_000_000 }));
    const newer = await accept(runArrival(300, targets, { startedAt: 1_000 }));
    expect((await row(older.id)).status).toBe("superseded");
    expect((await row(newer.id)).status).toBe("queued");
  });

  it("runs all that wait, the lowest first, under queue: all", async () => {
    const { accept, targets, begin, end } = await queueOf(engine);
    for (const runId of [300, 100, 200]) await accept(runArrival(runId, targets));
    const ran: (number | null)[] = [];
    for (let i = 0; i < 3; i++) {
      const deployment = await begin();
      ran.push(deployment.run_id);
      await end(deployment);
    }
    expect(ran).toEqual([100, 200, 300]);
  });

  it("runs the newest that waits under queue: latest, and supersedes the others by it", async () => {
    const { accept, targets, begin, row, next, end } = await queueOf(engine, testTarget({ queue: "latest" }));
    const [a, b, c] = [
      await accept(runArrival(100, targets)),
      await accept(runArrival(300, targets)),
      await accept(runArrival(200, targets)),
    ];
    const deployment = await begin();
    expect(deployment.id).toBe(b.id);
    expect(await row(a.id)).toMatchObject({ status: "superseded", superseded_by: b.id });
    expect(await row(c.id)).toMatchObject({ status: "superseded", superseded_by: b.id });
    await end(deployment);
    expect((await next()).kind).toBe("nothing");
  });

  it("supersedes by one claim what no single statement could hold", async () => {
    const target = testTarget({ queue: "latest" });
    const { accept, begin, store } = await queueOf(engine, target);
    await accept(runArrival(1, [target]));
    const { seq: _, ...first } = await store.read
      .selectFrom("deployments")
      .selectAll()
      .executeTakeFirstOrThrow();
    const others = Array.from({ length: 8_000 }, (_, i) => i + 2).map((run) => ({
      ...first,
      ...{ id: `dep_${run}`, run_id: run, order_run_id: run },
    }));
    await store.write((trx) =>
      inSlices(others, (slice) => trx.insertInto("deployments").values(slice).execute()),
    );
    expect((await begin()).run_id).toBe(8_001);
    const rest = await store.read
      .selectFrom("deployments")
      .select(["status", (e) => e.fn.countAll<number>().as("count")])
      .groupBy("status")
      .orderBy("status")
      .execute();
    expect(rest).toEqual([
      { status: "running", count: 1 },
      { status: "superseded", count: 8_000 },
    ]);
  });

  it("supersedes at the claim what was accepted before a newer run overtook it", async () => {
    const { accept, targets, begin, end, row, store, next } = await queueOf(engine);
    const failed = await accept(runArrival(100, targets));
    const first = await begin();
    const waiting = await accept(runArrival(150, targets));
    await end(first, "failed");
    // Another instance claims 200 while 150 still waits, as after a change of `queue` in the configuration.
    const overtaking = await accept(runArrival(200, targets));
    await store.write((trx) =>
      trx.updateTable("targets").set({ mark_run_id: 200, mark_deployment_id: overtaking.id }).execute(),
    );
    const deployment = await begin();
    expect(deployment.id).toBe(overtaking.id);
    expect((await row(waiting.id)).status).toBe("superseded");
    await end(deployment);
    expect((await next()).kind).toBe("nothing");
    expect((await row(failed.id)).status).toBe("failed");
  });

  it("deploys a workflow_dispatch of an old commit, since it is a new run", async () => {
    const { accept, targets, deploy, row } = await queueOf(engine);
    await deploy(runArrival(100, targets, { sha: stableSha("old") }));
    await deploy(runArrival(200, targets, { sha: stableSha("new") }));
    const dispatched = await accept(runArrival(300, targets, { sha: stableSha("old") }));
    expect((await row(dispatched.id)).status).toBe("queued");
  });

  it("rolls back by the re-run of a run that succeeded here, without lowering the mark", async () => {
    const { accept, targets, deploy, row, begin, end, store } = await queueOf(engine);
    await deploy(runArrival(100, targets, { startedAt: 1_000 }));
    const newest = await deploy(runArrival(200, targets, { startedAt: 2_000 }));
    const rollback = await accept(runArrival(100, targets, { attempt: 2, startedAt: 3_000 }));
    expect((await row(rollback.id)).status).toBe("queued");
    await end(await begin());
    expect((await row(rollback.id)).status).toBe("succeeded");
    const late = await accept(runArrival(150, targets, { startedAt: 4_000 }));
    expect((await row(late.id)).status).toBe("superseded");
    const mark = await store.read.selectFrom("targets").selectAll().executeTakeFirstOrThrow();
    expect(mark.mark_run_id).toBe(200);
    expect((await row(newest)).status).toBe("succeeded");
  });

  it("takes no re-run for a rollback whose run never succeeded here", async () => {
    const { accept, targets, deploy, begin, end, row } = await queueOf(engine);
    await accept(runArrival(100, targets));
    await end(await begin(), "failed");
    await deploy(runArrival(200, targets));
    const rerun = await accept(runArrival(100, targets, { attempt: 2, startedAt: 9_000_000 }));
    expect((await row(rerun.id)).status).toBe("superseded");
  });

  it("takes no re-run for a rollback that began before the run of the mark", async () => {
    const { accept, targets, deploy, row } = await queueOf(engine);
    await deploy(runArrival(100, targets, { startedAt: 1_000 }));
    await deploy(runArrival(200, targets, { startedAt: 3_000 }));
    const delayed = await accept(runArrival(100, targets, { attempt: 2, startedAt: 2_000 }));
    expect((await row(delayed.id)).status).toBe("superseded");
  });

  it("rolls back by an admin's request for a commit, as often as it is asked", async () => {
    const { accept, targets, deploy, row, begin, end } = await queueOf(engine);
    await deploy(runArrival(200, targets));
    for (const sha of [stableSha("good"), stableSha("good")]) {
      const manual = await accept(manualArrival(sha, targets));
      await end(await begin());
      expect(await row(manual.id)).toMatchObject({
        status: "succeeded",
        source: "manual",
        sha,
        run_id: null,
      });
    }
    const newer = await accept(runArrival(300, targets));
    expect((await row(newer.id)).status).toBe("queued");
  });

  it("supersedes a waiting rollback by a newer run under queue: latest", async () => {
    const { accept, targets, deploy, row, begin } = await queueOf(engine, testTarget({ queue: "latest" }));
    await deploy(runArrival(200, targets));
    const manual = await accept(manualArrival(stableSha("good"), targets));
    const newer = await accept(runArrival(300, targets));
    expect((await begin()).id).toBe(newer.id);
    expect(await row(manual.id)).toMatchObject({ status: "superseded", superseded_by: newer.id });
  });

  it("refuses a known run attempt with another commit, and changes nothing", async () => {
    const { accept, targets, row } = await queueOf(engine);
    const first = await accept(runArrival(100, targets));
    const other = await accept(runArrival(100, targets, { source: "action", sha: stableSha("other") }));
    expect(other.conflict).toEqual({ id: first.id, reason: expect.stringContaining(stableSha("100")) });
    expect((await row(first.id)).sha).toBe(stableSha("100"));
  });

  it("judges a GUID that made nothing again, so that a redelivery after mending the configuration deploys", async () => {
    const { accept, targets, store } = await queueOf(engine);
    const ignored = await accept({
      ...runArrival(100, [], { guid: "g" }),
      ignored: "no target is configured",
    });
    expect(ignored.outcome).toBe("ignored");
    const again = await accept(runArrival(100, targets, { guid: "g" }));
    expect(again).toMatchObject({ outcome: "deployed", deliveryId: ignored.deliveryId });
    expect(await store.read.selectFrom("deliveries").select("outcome").execute()).toEqual([
      { outcome: "deployed" },
    ]);
  });
});

describe.each(ENGINES)("retrying and cancelling on %s", (engine) => {
  it("retries a failed deployment as its next attempt, and nothing else", async () => {
    const { accept, targets, begin, end, row, store } = await queueOf(engine);
    const { id } = await accept(runArrival(100, targets));
    expect(await retry(store, id)).toMatch(/is queued/);
    await end(await begin(), "failed");
    expect(await retry(store, id)).toBeNull();
    expect(await row(id)).toMatchObject({ status: "queued", attempt: 2, exit_code: null, finished_at: null });
    await end(await begin());
    expect(await retry(store, id)).toMatch(/is succeeded/);
  });

  it("does not let a retry overwrite a newer deployment, and says how to go back", async () => {
    const { accept, targets, begin, end, deploy, store } = await queueOf(engine);
    const { id } = await accept(runArrival(100, targets));
    await end(await begin(), "failed");
    await deploy(runArrival(200, targets));
    expect(await retry(store, id)).toMatch(/POST \/api\/deployments/);
  });

  it("retries a failed deployment when the deploy workflow is run again", async () => {
    const { accept, targets, begin, end, row } = await queueOf(engine);
    const { id } = await accept(runArrival(100, targets, { source: "action", viaRunAttempt: 1 }));
    await end(await begin(), "failed");
    await accept(runArrival(100, targets, { source: "action", viaRunAttempt: 1 }));
    expect((await row(id)).status).toBe("failed");
    const again = await accept(runArrival(100, targets, { source: "action", viaRunAttempt: 2 }));
    expect(again).toMatchObject({ id, queued: true });
    expect(await row(id)).toMatchObject({ status: "queued", attempt: 2 });
  });

  it("cancels at once what waits, and leaves word for the runner of what runs", async () => {
    const { accept, targets, begin, row, store, end } = await queueOf(engine);
    const running = await accept(runArrival(100, targets));
    const deployment = await begin();
    const waiting = await accept(runArrival(200, targets));
    expect(await cancel(store, waiting.id)).toBe("cancelled");
    expect((await row(waiting.id)).status).toBe("cancelled");
    expect(await cancel(store, running.id)).toBe("requested");
    expect((await row(running.id)).cancel_requested_at).not.toBeNull();
    await end(deployment);
    expect(await cancel(store, running.id)).toBe("final");
    expect(await cancel(store, "dep_unknown")).toBe("unknown");
  });
});

describe.each(ENGINES)("leases on %s", (engine) => {
  it("lets one runner at a time have a target", async () => {
    const { accept, targets, next } = await queueOf(engine);
    for (const runId of [100, 200]) await accept(runArrival(runId, targets));
    const claims = await Promise.all(Array.from({ length: 6 }, () => next()));
    expect(claims.map(({ kind }) => kind).sort()).toEqual(["claimed", ...Array(5).fill("occupied")]);
  });

  it("lets one runner at a time have a named lock, whatever the target", async () => {
    const { accept, next, begin, end } = await queueOf(engine);
    const web = testTarget({ name: "web", lock: "database" });
    const worker = testTarget({ name: "worker", lock: "database" });
    await accept(runArrival(100, [web, worker]));
    const claims = await Promise.all([next({ target: web }), next({ target: worker })]);
    expect(claims.map(({ kind }) => kind).sort()).toEqual(["claimed", "occupied"]);
    for (const claimed of claims) if (claimed.kind === "claimed") await end(claimed.deployment);
    expect((await begin({ target: claims[0]?.kind === "claimed" ? worker : web })).lock).toBe("database");
  });

  it("lets nobody write under a lease that another holder has taken over", async () => {
    const { accept, targets, begin, store, leaseOf, end, row } = await queueOf(engine);
    const { id } = await accept(runArrival(100, targets));
    const first = await begin({ holder: "run_gone" });
    expect(await interrupt(store, first, "retry", "its worker process ended")).toBe("queued");
    const second = await begin();
    expect(second.token).toBeGreaterThan(first.token);
    await expect(end(first)).rejects.toThrow(LeaseLostError);
    await expect(renew(store, leaseOf(first))).rejects.toThrow(LeaseLostError);
    expect(await interrupt(store, first, "fail", "again")).toBe("unchanged");
    expect(await row(id)).toMatchObject({ status: "running", holder: second.holder, attempt: 2 });
  });

  it("begins an interrupted deployment again at most twice, and then says why it failed", async () => {
    const { accept, targets, begin, store, row } = await queueOf(engine);
    const { id } = await accept(runArrival(100, targets));
    const results: string[] = [];
    for (let i = 0; i < 3; i++)
      results.push(await interrupt(store, await begin(), "retry", "its worker process ended"));
    expect(results).toEqual(["queued", "queued", "failed"]);
    expect(await row(id)).toMatchObject({
      status: "failed",
      reason: "interrupted: its worker process ended",
    });
  });

  it("fails an interrupted deployment at once under on_interrupt: fail, and cancels one that was to be cancelled", async () => {
    const { accept, targets, begin, store, row, next } = await queueOf(engine);
    const first = await accept(runArrival(100, targets));
    expect(await interrupt(store, await begin(), "fail", "gone")).toBe("failed");
    expect((await row(first.id)).attempt).toBe(1);
    const second = await accept(runArrival(200, targets));
    await begin();
    await cancel(store, second.id);
    expect(await interrupt(store, await row(second.id), "retry", "gone")).toBe("cancelled");
    expect((await next()).kind).toBe("nothing");
  });
});

describe("two that change one deployment at the same moment, on postgres", () => {
  /** Does `first` in a transaction that is committed only when `second` waits for it; returns what `second` says. */
  async function meanwhile<T>(
    store: Store,
    first: (trx: Writer) => Promise<unknown>,
    second: () => Promise<T>,
  ) {
    let saying: Promise<T> | undefined;
    await store.write(async (trx) => {
      await first(trx);
      saying = second();
      await expect
        .poll(async () => {
          const { rows } =
            await sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(
              store.read,
            );
          return rows.length;
        })
        .toBeGreaterThan(0);
    });
    return saying;
  }
  const change = (id: string, values: { status: "cancelled" | "running" }) => (trx: Writer) =>
    trx.updateTable("deployments").set(values).where("id", "=", id).execute();

  it("what is cancelled while it is claimed does not begin", async () => {
    const { accept, targets, next, row, store } = await queueOf("postgres");
    const { id } = await accept(runArrival(100, targets));
    const claimed = await meanwhile(store, change(id, { status: "cancelled" }), () => next());
    expect(claimed).toEqual({ kind: "nothing" });
    expect((await row(id)).status).toBe("cancelled");
  });

  it("what was retried and runs already is not put into the queue once more", async () => {
    const { accept, targets, begin, end, row, store } = await queueOf("postgres");
    const { id } = await accept(runArrival(100, targets));
    await end(await begin(), "failed");
    await meanwhile(store, change(id, { status: "running" }), () => retry(store, id));
    expect(await row(id)).toMatchObject({ status: "running", attempt: 1 });
  });
});
