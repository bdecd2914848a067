import { describe, expect, it } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import type { Arrival } from "../../../app/accept/arrival.ts";
import { describeAlert } from "../../../app/alerts/describe.ts";
import type { Noted } from "../../../app/alerts/words/writers.ts";
import { systemClock } from "../../../app/clock.ts";
import type { AlertFacts } from "../../../app/queue/alert-facts.ts";
import { cancel } from "../../../app/queue/cancel.ts";
import { claim } from "../../../app/queue/claim/claim.ts";
import { finish } from "../../../app/queue/finish.ts";
import { retry } from "../../../app/queue/retry.ts";
import { manualArrival, runArrival, testTarget } from "../../helpers/arrivals.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";

/** A target's queue, worked by hand. */
async function queueOf(engine: Engine, queue: "all" | "latest" = "latest") {
  const target = testTarget({ queue });
  const targets = [target];
  const store = await newStore(engine);
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
  const accept = async (arrival: Arrival) => {
    const accepted = await acceptor.accept(arrival);
    return { ...accepted, id: accepted.deployments[0]?.id ?? "" };
  };
  let runner = 0;
  /** Runs what comes next to its end; undefined where nothing may begin. */
  const runNext = async (status: "succeeded" | "failed" = "succeeded") => {
    const holder = `run_${++runner}`;
    const { name, workflow, lock } = target;
    const place = { repositoryKey: "acme/site", target: name, queue, workflow, lock };
    const claimed = await claim(store, { ...place, holder, instance: "primary", host: "host-1" });
    if (claimed.kind !== "claimed") return undefined;
    const { id, token } = claimed.deployment;
    const reason = status === "failed" ? "the command exited with code 1" : null;
    await finish(store, { deploymentId: id, holder, token }, { status, exitCode: 0, reason });
    return id;
  };
  const deploy = async (arrival: Arrival) => {
    const { id } = await accept(arrival);
    expect(await runNext()).toBe(id);
    return id;
  };
  const row = (id: string) =>
    store.read.selectFrom("deployments").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
  const alerts = () => store.read.selectFrom("alerts").selectAll().orderBy("id").execute();
  return {
    store,
    targets,
    accept,
    acceptor,
    runNext,
    deploy,
    row,
    alerts,
    event: (run: number, options: Parameters<typeof runArrival>[2] = {}) => runArrival(run, targets, options),
    asked: (run: number, attempt = 1, options: Parameters<typeof runArrival>[2] = {}) =>
      runArrival(run, targets, {
        source: "action",
        attempt,
        viaRunAttempt: attempt,
        startedAt: 9e6,
        ...options,
      }),
  };
}

const SET_ASIDE = /^an Action asked for this run, so attempt 2 counts only if an Action asks in it/;

describe.each(ENGINES)("a run that an Action deployed, and that is run again, on %s", (engine) => {
  it("leaves the newer deployment in place when the re-run was of another job", async () => {
    const { deploy, asked, accept, event, runNext, store } = await queueOf(engine);
    await deploy(asked(100));
    await deploy(event(101));
    const again = await accept(event(100, { attempt: 2, startedAt: 9e9, guid: "again" }));
    expect(again).toMatchObject({
      outcome: "ignored",
      deployments: [],
      reason: expect.stringMatching(SET_ASIDE),
    });
    expect(await runNext()).toBeUndefined();
    const delivery = await store.read
      .selectFrom("deliveries")
      .selectAll()
      .where("guid", "=", "again")
      .executeTakeFirstOrThrow();
    expect(delivery).toMatchObject({ outcome: "ignored", deployment_ids: "[]", reason: again.reason });
  });

  it.each(["webhook", "catch_up", "reconcile"] as const)(
    "is not deployed once more by an event that came by %s, also where nothing newer was deployed",
    async (source) => {
      const { deploy, asked, accept, event } = await queueOf(engine);
      await deploy(asked(100, 1, { source: "github_deployment" }));
      expect((await accept(event(100, { attempt: 2, source }))).reason).toMatch(SET_ASIDE);
    },
  );

  it("is not deployed by the further attempt's event although that came in one batch with the request", async () => {
    const { asked, acceptor, event } = await queueOf(engine);
    const [first, second] = await Promise.all(
      [asked(100), event(100, { attempt: 2 })].map((a) => acceptor.accept(a)),
    );
    expect(first?.outcome).toBe("deployed");
    expect(second?.reason).toMatch(SET_ASIDE);
  });

  it("is deployed by the further attempt in which an Action asks, whose event then finds that deployment", async () => {
    const { deploy, asked, accept, event } = await queueOf(engine);
    await deploy(asked(100));
    const again = await accept(asked(100, 2));
    expect(again.outcome).toBe("deployed");
    expect(await accept(event(100, { attempt: 2 }))).toMatchObject({ outcome: "duplicate", id: again.id });
  });

  it("still lets the event of its first attempt find its deployment", async () => {
    const { deploy, asked, accept, event } = await queueOf(engine);
    const id = await deploy(asked(100));
    expect(await accept(event(100))).toMatchObject({ outcome: "duplicate", id });
  });

  it("deploys by the further attempt's event to a target that no Action asked for", async () => {
    const { deploy, asked, accept, event } = await queueOf(engine);
    await deploy(asked(100));
    const arrival = event(100, { attempt: 2 });
    const docs = testTarget({ name: "docs" });
    expect(await accept({ ...arrival, targets: [...arrival.targets, docs] })).toMatchObject({
      outcome: "deployed",
      deployments: [{ duplicate: false }],
    });
  });

  it("holds up no later run under `all`, be its number known by the further attempt alone", async () => {
    const { deploy, asked, accept, event, store } = await queueOf(engine, "all");
    await deploy(event(100, { number: 1 }));
    const { id } = await accept(asked(101));
    await cancel(store, id);
    expect((await accept(event(101, { attempt: 2, number: 2 }))).reason).toMatch(SET_ASIDE);
    await deploy(event(102, { number: 3 }));
  });
});

describe.each(ENGINES)("a rollback by a re-run, on %s", (engine) => {
  const rolledBack = "rolled back by a re-run of run 100";

  it("says so on the deployment, before, while and after it runs", async () => {
    const { deploy, event, accept, row, runNext } = await queueOf(engine);
    await deploy(event(100));
    await deploy(event(101));
    const { id } = await accept(event(100, { attempt: 2, startedAt: 9e9 }));
    expect((await row(id)).reason).toBe(rolledBack);
    expect(await runNext()).toBe(id);
    expect(await row(id)).toMatchObject({ status: "succeeded", reason: rolledBack, order_note: rolledBack });
  });

  it("keeps saying so when it failed, and is retried", async () => {
    const { deploy, event, accept, row, runNext, store } = await queueOf(engine);
    await deploy(event(100));
    await deploy(event(101));
    const { id } = await accept(event(100, { attempt: 2, startedAt: 9e9 }));
    await runNext("failed");
    expect(await row(id)).toMatchObject({ reason: "the command exited with code 1", order_note: rolledBack });
    await retry(store, id);
    await runNext();
    expect(await row(id)).toMatchObject({ status: "succeeded", reason: rolledBack });
  });

  it("is told by an alert once it begins, which names both runs and the way forward", async () => {
    const { deploy, event, accept, runNext, alerts, store } = await queueOf(engine);
    await deploy(event(100));
    await deploy(event(101));
    const { id } = await accept(event(100, { attempt: 2, startedAt: 9e9 }));
    expect(await alerts()).toEqual([]);
    await runNext();
    const [alert, ...others] = await alerts();
    expect(others).toEqual([]);
    expect(alert).toMatchObject({ kind: "rollback", state: "event", subject: "production of acme/site" });
    expect(JSON.parse(alert?.facts ?? "") as AlertFacts["rollback"]).toEqual({
      deploymentId: id,
      runId: 100,
      insteadOf: 101,
    });
    const noted = { ...alert, id: String(alert?.id) } as Noted;
    const wording = {
      store,
      homeUrl: "https://x/",
      pageUrl: (deployment: string) => `https://x/${deployment}`,
    };
    const told = await describeAlert(noted, wording);
    expect(told.title).toBe("Rolled back: production of acme/site");
    expect(told.cause).toMatch(/re-run of run 100 \(attempt 2\).*run 101/);
    expect(told.url).toBe(`https://x/${id}`);
  });

  it("is what an Action asks for in a further attempt after a newer deployment", async () => {
    const { deploy, asked, event, accept, runNext, row, alerts } = await queueOf(engine);
    await deploy(asked(100));
    await deploy(event(101));
    const { id } = await accept(asked(100, 2, { startedAt: 9e9 }));
    expect(await runNext()).toBe(id);
    expect((await row(id)).reason).toBe(rolledBack);
    expect(await alerts()).toMatchObject([{ kind: "rollback" }]);
  });

  it("is none where the run of the mark itself is run again, or a person asks for a commit", async () => {
    const { deploy, event, targets, row, alerts } = await queueOf(engine);
    await deploy(event(100));
    const again = await deploy(event(100, { attempt: 2 }));
    const manual = await deploy(manualArrival("a".repeat(40), targets));
    for (const id of [again, manual]) expect(await row(id)).toMatchObject({ reason: null, order_note: null });
    expect(await alerts()).toEqual([]);
  });
});
