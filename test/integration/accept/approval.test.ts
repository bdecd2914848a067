import { describe, expect, it } from "vitest";
import type { Accepted } from "../../../app/accept/accepted.ts";
import { commit } from "../../../app/accept/commit.ts";
import { releaseWaiting } from "../../../app/accept/release-waiting.ts";
import type { ControllerLease } from "../../../app/failover/controller-lease.ts";
import { claim } from "../../../app/queue/claim/claim.ts";
import { finish } from "../../../app/queue/finish.ts";
import type { Protection } from "../../../app/queue/gate/approval.ts";
import { deleteDeliveries } from "../../../app/upkeep/delete-old.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";
import { stableSha } from "../../simulator/stable-values.ts";

const WAITS = "waits for an approved job of environment production";
const UNKNOWN = "waits until GitHub tells whether it protects the environment production";
const OVER = "a newer run has been deployed already";

type Options = Parameters<typeof runArrival>[2];

/** A target whose runs need an approval, worked by hand. */
async function gated(engine: Engine, keys: Record<string, unknown> = { approval: "required" }) {
  const target = testTarget({ queue: "all", ...keys });
  const store = await newStore(engine);
  let now = 1_000;
  const by = () => ({ instance: "primary", now: ++now });
  const accept = async (
    run: number,
    options: Options & { approvedFor?: string; deliveryId?: string } = {},
    targets = [target],
  ) => {
    const { approvedFor, deliveryId, ...rest } = options;
    const own = { approvedFor, ...(deliveryId && { deliveryId }) };
    const arrival = { ...runArrival(run, targets, { guid: `guid ${run}`, ...rest }), ...own };
    const [accepted] = await commit(store, [arrival], by());
    return accepted as Accepted;
  };
  return {
    ...{ store, target, accept },
    /** The request of an approved job. GitHub ignores case in the names of environments. */
    approve: (run: number, options: Options = {}) =>
      accept(run, { source: "action", guid: null, viaRunAttempt: 1, approvedFor: "Production", ...options }),
    protect: (rules: string[], environment = "production") =>
      store.write(async (trx) => {
        const protection = JSON.stringify({ environment, rules } satisfies Protection);
        const row = { repository: "acme/site", target: target.name, watch_from: 0, protection };
        await trx
          .insertInto("targets")
          .values({
            ...row,
            mark_run_id: 0,
            mark_run_attempt: 0,
            mark_run_started_at: 0,
            mark_deployment_id: null,
          })
          .onConflict((c) => c.columns(["repository", "target"]).doUpdateSet({ protection }))
          .execute();
      }),
    release: () => store.write((trx) => releaseWaiting(trx, store, [target], by())),
    /** Begins and ends the next deployment. Returns its run; null where none may begin. */
    async runNext() {
      const claimed = await claim(store, {
        ...{ repositoryKey: "acme/site", target: target.name, queue: target.queue, lock: null },
        ...{ workflow: target.workflow, holder: "runner", instance: "primary", host: "host-1" },
      });
      if (claimed.kind !== "claimed") return null;
      const { id, token, run_id } = claimed.deployment;
      await finish(
        store,
        { deploymentId: id, holder: "runner", token },
        { status: "succeeded", exitCode: 0, reason: null },
      );
      return run_id;
    },
    deliveries: async () =>
      (await store.read.selectFrom("deliveries").selectAll().orderBy("received_at").execute()).map(
        ({ run_id, source, outcome, reason, deployment_ids }) => ({
          ...{ run_id, source, outcome, reason },
          deployments: (JSON.parse(deployment_ids) as string[]).length,
        }),
      ),
    deployments: () => store.read.selectFrom("deployments").select(["run_id", "status", "source"]).execute(),
    waiting: () => store.read.selectFrom("waiting_runs").select(["run_id", "gate"]).execute(),
  };
}

describe.each(ENGINES)("with approval: required, on %s", (engine) => {
  it.each(["webhook", "catch_up", "reconcile", "github_deployment"] as const)(
    "a run that comes by %s waits, and makes no deployment",
    async (source) => {
      const { accept, deliveries, deployments, runNext } = await gated(engine);
      const guid = source === "reconcile" ? null : "guid";
      expect(await accept(1, { source, guid })).toMatchObject({
        outcome: "waiting",
        reason: WAITS,
        queued: false,
      });
      expect(await deliveries()).toEqual([
        { run_id: 1, source, outcome: "waiting", reason: WAITS, deployments: 0 },
      ]);
      expect(await deployments()).toEqual([]);
      expect(await runNext()).toBeNull();
    },
  );

  it("an approved job deploys the run, whose delivery waits no longer", async () => {
    const { accept, approve, deliveries, deployments, runNext, waiting } = await gated(engine);
    await accept(1);
    expect(await approve(1)).toMatchObject({ outcome: "deployed", queued: true });
    expect(await runNext()).toBe(1);
    expect(await deployments()).toEqual([{ run_id: 1, status: "succeeded", source: "action" }]);
    expect(await deliveries()).toMatchObject([
      { source: "webhook", outcome: "duplicate", reason: "a later request deployed the run", deployments: 1 },
      { source: "action", outcome: "deployed" },
    ]);
    expect(await waiting()).toEqual([]);
    // Its event arrives once more.
    expect(await accept(1)).toMatchObject({ outcome: "duplicate", queued: false });
  });

  it("a job of another environment does not deploy it", async () => {
    const { accept, deployments } = await gated(engine);
    expect(await accept(1, { source: "action", guid: null, approvedFor: "staging" })).toMatchObject({
      outcome: "waiting",
    });
    expect(await deployments()).toEqual([]);
  });

  it("a newer run that begins supersedes the waiting ones before it alone", async () => {
    const { accept, approve, deliveries, runNext } = await gated(engine);
    await accept(1);
    await accept(3);
    await approve(2);
    expect(await deliveries()).toMatchObject([{ outcome: "waiting" }, { outcome: "waiting" }, {}]);
    expect(await runNext()).toBe(2);
    expect(await deliveries()).toMatchObject([
      { run_id: 1, outcome: "superseded", reason: OVER },
      { run_id: 3, outcome: "waiting", reason: WAITS },
      { run_id: 2, outcome: "deployed" },
    ]);
    // The old run's event once more, and an event that was late.
    expect(await accept(1)).toMatchObject({ outcome: "superseded", reason: OVER, deployments: [] });
  });

  it("a person's deployment needs no approval", async () => {
    const { accept, runNext, deployments } = await gated(engine);
    await accept(1);
    expect(await accept(1, { source: "manual", guid: null })).toMatchObject({ outcome: "deployed" });
    expect(await runNext()).toBe(1);
    expect(await deployments()).toHaveLength(1);
  });

  it("a request without an approval neither repeats a failed deployment nor adds a payload", async () => {
    const { store, accept, approve } = await gated(engine);
    const [made] = (await approve(1)).deployments;
    await store.write((trx) =>
      trx
        .updateTable("deployments")
        .set({ status: "failed" })
        .where("id", "=", made?.id ?? "")
        .execute(),
    );
    const again = await accept(1, { source: "github_deployment", guid: "parked", viaRunAttempt: 2 });
    expect(again).toMatchObject({ outcome: "duplicate", queued: false });
    expect(await approve(1, { viaRunAttempt: 2 })).toMatchObject({ queued: true });
  });

  it("under queue: all a waiting run holds up no approved one after it", async () => {
    const { accept, approve, runNext } = await gated(engine);
    await approve(1, { number: 1, settles: true });
    expect(await runNext()).toBe(1);
    await accept(2, { number: 2 });
    await approve(3, { number: 3 });
    expect(await runNext()).toBe(3);
  });

  it("another target of the same event is deployed at once", async () => {
    const { target, accept, approve, deliveries, deployments } = await gated(engine);
    const staging = testTarget({ environment: "staging" });
    await accept(1, {}, [staging, target]);
    expect(await deployments()).toHaveLength(1);
    expect(await deliveries()).toMatchObject([{ outcome: "waiting", reason: WAITS, deployments: 1 }]);
    await approve(1);
    expect((await deliveries())[0]).toMatchObject({ outcome: "deployed", reason: null, deployments: 2 });
  });

  it("a delivery that is deleted as old waits no longer", async () => {
    const { store, accept, waiting } = await gated(engine);
    await accept(1);
    const lease = {
      write: (work: Parameters<ControllerLease["write"]>[0]) => store.write((trx) => work(trx, store)),
    };
    const deletion = { store, lease: lease as unknown as ControllerLease, pause: async () => {} };
    await deleteDeliveries(deletion, { idle: 2_000, all: 500 });
    expect(await waiting()).toHaveLength(1);
    await deleteDeliveries(deletion, { idle: 2_000, all: 2_000 });
    expect(await waiting()).toEqual([]);
  });
});

describe.each(ENGINES)("with approval: auto, on %s", (engine) => {
  it("events wait until GitHub tells, and are deployed once it protects nothing", async () => {
    const { accept, protect, release, deliveries, runNext, waiting } = await gated(engine, {
      approval: "auto",
    });
    await accept(1);
    await accept(2, { source: "reconcile", guid: null });
    expect(await deliveries()).toMatchObject([
      { outcome: "waiting", reason: UNKNOWN },
      { outcome: "waiting" },
    ]);
    expect(await release()).toBe(0);
    await protect([]);
    expect(await release()).toBe(2);
    expect(await waiting()).toEqual([]);
    expect(await deliveries()).toMatchObject([
      { run_id: 1, outcome: "deployed", reason: null, deployments: 1 },
      { run_id: 2, outcome: "deployed", deployments: 1 },
    ]);
    expect([await runNext(), await runNext()]).toEqual([1, 2]);
    expect(await release()).toBe(0);
  });

  it("an event whose delivery got its identifier beforehand is deployed like the others", async () => {
    const { accept, protect, release, deliveries } = await gated(engine, { approval: "auto" });
    await accept(1, { deliveryId: "dlv_1" });
    expect(await accept(1, { deliveryId: "dlv_1" })).toMatchObject({ outcome: "waiting", queued: false });
    await protect([]);
    expect(await release()).toBe(1);
    expect(await deliveries()).toMatchObject([{ run_id: 1, outcome: "deployed", deployments: 1 }]);
  });

  it("events go on waiting, for a job, where GitHub protects the environment", async () => {
    const { accept, protect, release, deliveries, deployments, waiting } = await gated(engine, {
      approval: "auto",
    });
    await accept(1);
    await protect(["wait_timer"]);
    expect(await release()).toBe(1);
    expect(await deliveries()).toMatchObject([{ outcome: "waiting", reason: WAITS }]);
    expect(await waiting()).toEqual([{ run_id: 1, gate: "approval" }]);
    expect(await deployments()).toEqual([]);
  });

  it("the protection of the environment that the target had before says nothing", async () => {
    const { accept, protect } = await gated(engine, { approval: "auto" });
    await protect([], "staging");
    expect(await accept(1)).toMatchObject({ outcome: "waiting", reason: UNKNOWN });
  });
});

describe("routes", () => {
  it("[action] leaves events on record, and deploys what an Action asks for", async () => {
    const { accept, runNext, deployments } = await gated("sqlite", { routes: ["action"] });
    for (const source of ["webhook", "catch_up", "reconcile"] as const)
      expect(await accept(1, { source })).toMatchObject({
        outcome: "ignored",
        reason: "events deploy nothing to production: only an Action may (routes: [action])",
        deployments: [],
      });
    expect(await accept(1, { source: "action", guid: null })).toMatchObject({ outcome: "deployed" });
    expect(await accept(1)).toMatchObject({ outcome: "duplicate" });
    expect(await runNext()).toBe(1);
    expect(await deployments()).toHaveLength(1);
  });

  it("[event] deploys what an event brings", async () => {
    const { accept } = await gated("sqlite", { routes: ["event"] });
    expect(await accept(1, { source: "github_deployment" })).toMatchObject({ outcome: "ignored" });
    expect(await accept(2, { sha: stableSha("2") })).toMatchObject({ outcome: "deployed" });
  });
});
