import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import { registerTargets } from "../../../app/accept/register-targets.ts";
import { ControllerLease } from "../../../app/failover/controller-lease.ts";
import { Retention } from "../../../app/upkeep/retention.ts";
import type { DeploymentStatus } from "../../../shared/deployment.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { SleepersClock } from "../../helpers/sleepers-clock.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";

const DAY_MS = 24 * 60 * 60_000;
const target = testTarget({ queue: "all" });

async function setScene(engine: Engine) {
  const clock = new SleepersClock();
  const store = await newStore(engine);
  await registerTargets(store, [target], clock.now() - 1_000 * DAY_MS);
  const acceptor = new Acceptor({ store, clock, instance: "primary", onQueued: () => {} });
  const lease = new ControllerLease({
    store,
    clock,
    ttlMs: 10 * 365 * DAY_MS,
    candidate: { holder: "primary", instance: "primary", host: "host-1" },
  });
  const retention = new Retention({
    store,
    clock,
    log: pino({ level: "silent" }),
    lease,
    retention: { deliveries: 30 * DAY_MS, logs: 90 * DAY_MS, deployments: 365 * DAY_MS },
  });
  onTestFinished(() => retention.close());
  const ago = (days: number) => clock.now() - days * DAY_MS;
  return {
    clock,
    store,
    lease,
    retention,
    accept: (runId: number, guid: string | null = `guid-${runId}`) =>
      acceptor.accept(runArrival(runId, [target], { guid })),
    /** An event that deployed nothing, so many days ago. */
    async ignore(guid: string, days: number) {
      const arrival = { ...runArrival(1, [], { guid }), ignored: "a test" };
      const { deliveryId } = await acceptor.accept(arrival);
      await store.write((trx) =>
        trx
          .updateTable("deliveries")
          .set({ received_at: ago(days) })
          .where("id", "=", deliveryId)
          .execute(),
      );
    },
    /** A deployment with a log, which ended so many days ago. */
    async deploy(runId: number, days: number, status: DeploymentStatus = "failed") {
      const { deployments, deliveryId } = await acceptor.accept(
        runArrival(runId, [target], { guid: `guid-${runId}` }),
      );
      const id = deployments[0]?.id ?? "";
      const at = ago(days);
      const ended = status !== "queued" && status !== "running";
      await store.write(async (trx) => {
        await trx
          .updateTable("deployments")
          .set({ status, accepted_at: at, finished_at: ended ? at : null })
          .where("id", "=", id)
          .execute();
        await trx.updateTable("deliveries").set({ received_at: at }).where("id", "=", deliveryId).execute();
        const chunk = { deployment_id: id, attempt: 1, at, text: "deploying\n" };
        await trx
          .insertInto("log_chunks")
          .values([0, 1].map((seq) => ({ ...chunk, seq })))
          .execute();
      });
      return id;
    },
    /** Takes the lease, and resolves when what is due was done. */
    async run() {
      await lease.acquire(() => true);
      retention.start();
      await clock.asleep();
    },
    async kept() {
      const [deliveries, logs, deployments] = await Promise.all([
        store.read.selectFrom("deliveries").select("guid").execute(),
        store.read.selectFrom("log_chunks").select("deployment_id").distinct().execute(),
        store.read.selectFrom("deployments").select("id").execute(),
      ]);
      return {
        deliveries: deliveries.map(({ guid }) => guid ?? "").toSorted(),
        logs: logs.map(({ deployment_id }) => deployment_id).toSorted(),
        deployments: deployments.map(({ id }) => id).toSorted(),
      };
    },
  };
}

describe.each(ENGINES)("what is older than it is to be kept, on %s", (engine) => {
  it("is deleted, and nothing else: deliveries after 30 days, logs after 90, deployments after a year", async () => {
    const scene = await setScene(engine);
    const { ignore, deploy, run, kept } = scene;
    await ignore("29 days", 29);
    await ignore("31 days", 31);
    const [ancient, old, recent] = [await deploy(100, 366), await deploy(200, 91), await deploy(300, 89)];
    await run();
    expect(await kept()).toEqual({
      deliveries: ["29 days", "guid-200", "guid-300"],
      logs: [recent],
      deployments: [old, recent].toSorted(),
    });
    expect(ancient).not.toBe("");
  });

  it("stays where it has not ended, and where it is what a target stands at", async () => {
    const scene = await setScene(engine);
    const { store, deploy, run, kept } = scene;
    const live = await deploy(100, 800, "succeeded");
    const before = await deploy(50, 900, "succeeded");
    const marked = await deploy(200, 700, "failed");
    const waiting = await deploy(300, 600, "queued");
    const running = await deploy(400, 500, "running");
    await store.write(async (trx) => {
      await trx
        .updateTable("targets")
        .set({ mark_run_id: 200, mark_run_attempt: 1, mark_deployment_id: marked })
        .execute();
      // Accepted later, although it is the older run: what was last deployed well is what counts.
      await trx.updateTable("deployments").set({ seq: 1_000 }).where("id", "=", live).execute();
    });
    await run();
    const { deployments, logs } = await kept();
    expect(deployments).toEqual([live, marked, waiting, running].toSorted());
    expect(deployments).not.toContain(before);
    expect(logs).toEqual([waiting, running].toSorted());
  });

  it("leaves the order of a target as it was: an old run that comes again is still superseded", async () => {
    const scene = await setScene(engine);
    const { store, accept, deploy, run } = scene;
    await deploy(100, 400, "succeeded");
    const marked = await deploy(200, 399, "succeeded");
    await store.write((trx) =>
      trx
        .updateTable("targets")
        .set({ mark_run_id: 200, mark_run_attempt: 1, mark_deployment_id: marked })
        .execute(),
    );
    await run();
    expect(await accept(100, "another")).toMatchObject({ outcome: "superseded", queued: false });
    expect(await accept(200, "the mark's")).toMatchObject({
      outcome: "duplicate",
      deployments: [{ id: marked, duplicate: true }],
    });
  });

  it("is deleted however much it is, and again an hour later", async () => {
    const scene = await setScene(engine);
    const { clock, store, ignore, run, kept } = scene;
    await ignore("tomorrow", 29);
    const [row] = await store.read.selectFrom("deliveries").selectAll().execute();
    await store.write(async (trx) => {
      const many = Array.from({ length: 950 }, (_, i) => ({
        ...(row as NonNullable<typeof row>),
        id: `dlv_${i}`,
        guid: `old-${i}`,
        received_at: clock.now() - 40 * DAY_MS,
      }));
      for (let i = 0; i < many.length; i += 200)
        await trx
          .insertInto("deliveries")
          .values(many.slice(i, i + 200))
          .execute();
    });
    await run();
    expect((await kept()).deliveries).toEqual(["tomorrow"]);
    clock.advance(2 * DAY_MS);
    await clock.asleep();
    expect((await kept()).deliveries).toEqual([]);
  });

  it("takes along what happened beside deployments, but for the last failover", async () => {
    const scene = await setScene(engine);
    const { clock, store, run } = scene;
    const ago = (days: number) => clock.now() - days * DAY_MS;
    const changed = {
      from_endpoint: "primary",
      to_endpoint: "backup",
      kind: "failover" as const,
      reason: "a test",
    };
    const entry = { by: "octocat", instance: "primary", action: "retry", details: null, outcome: "done" };
    await store.write(async (trx) => {
      for (const days of [500, 400])
        await trx
          .insertInto("failovers")
          .values({ ...changed, decided_by: "primary", detected_at: ago(days), decided_at: ago(days) })
          .execute();
      for (const days of [366, 364])
        await trx
          .insertInto("audit")
          .values({ ...entry, at: ago(days) })
          .execute();
    });
    await run();
    const failovers = await store.read.selectFrom("failovers").select("decided_at").execute();
    const audit = await store.read.selectFrom("audit").select("at").execute();
    expect(failovers).toEqual([{ decided_at: ago(400) }]);
    expect(audit).toEqual([{ at: ago(364) }]);
  });

  it("is left to the controller", async () => {
    const scene = await setScene(engine);
    const { clock, ignore, retention, run, kept } = scene;
    await ignore("old", 100);
    retention.start();
    await clock.asleep();
    expect((await kept()).deliveries).toEqual(["old"]);
    await run();
    expect((await kept()).deliveries).toEqual([]);
  });
});
