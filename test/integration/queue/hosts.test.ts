import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import { systemClock } from "../../../app/clock.ts";
import type { TargetConfig } from "../../../app/config/schema.ts";
import { ControllerLease } from "../../../app/failover/controller-lease.ts";
import { cancel } from "../../../app/queue/cancel.ts";
import { claim } from "../../../app/queue/claim/claim.ts";
import { finish } from "../../../app/queue/finish.ts";
import { interrupt } from "../../../app/queue/interrupt.ts";
import { finishHost } from "../../../app/queue/placement/finish-host.ts";
import { hostRuns } from "../../../app/queue/placement/host-runs.ts";
import { hostWork } from "../../../app/queue/placement/host-work.ts";
import { placementOf } from "../../../app/queue/placement/placement.ts";
import { retry } from "../../../app/queue/retry.ts";
import type { DeploymentRecord } from "../../../app/store/schema.ts";
import { HostWatch } from "../../../app/upkeep/host-watch.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { atTestEnd } from "../../helpers/at-test-end.ts";
import { SleepersClock } from "../../helpers/sleepers-clock.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";

const SKIP = { all: true, missing: "skip" };
const INSTANCES = ["a", "b", "c"].map((host) => ({ name: `on-${host}`, host }));

/** A target on the hosts a, b and c, whose queue is worked by hand. */
async function placedQueue(engine: Engine, hosts: unknown, given: Partial<TargetConfig> = {}) {
  const target = testTarget({ hosts, ...given });
  const store = await newStore(engine);
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "on-a", onQueued: () => {} });
  const placed = (host: string) => placementOf(target, INSTANCES, `on-${host}`);
  let runner = 0;
  const claimOn = (host: string, { name, queue, workflow, lock } = target) =>
    claim(store, {
      ...{ repositoryKey: "acme/site", target: name, queue, workflow, lock },
      ...{
        holder: `run_${++runner}`,
        instance: `on-${host}`,
        host: `id-of-${host}`,
        placement: placed(host),
      },
    });
  const row = (id: string) =>
    store.read.selectFrom("deployments").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
  const end = async (deployment: DeploymentRecord, host: string, exitCode = 0) => {
    const lease = { deploymentId: deployment.id, holder: deployment.holder ?? "", token: deployment.token };
    const reason = exitCode === 0 ? null : `the command exited with code ${exitCode}`;
    const ending = {
      status: exitCode === 0 ? ("succeeded" as const) : ("failed" as const),
      exitCode,
      reason,
    };
    const placement = placed(host);
    if (deployment.hosts === null || !placement) await finish(store, lease, ending);
    else await finishHost(store, lease, ending, { deployment, placement });
  };
  return {
    store,
    target,
    row,
    end,
    claimOn,
    accept: async (run: number, of = target) =>
      (await acceptor.accept(runArrival(run, [of]))).deployments[0]?.id ?? "",
    /** Runs what comes next on this host to its end. Returns the claim's kind. */
    runOn: async (host: string, exitCode = 0) => {
      const claimed = await claimOn(host);
      if (claimed.kind === "claimed") await end(claimed.deployment, host, exitCode);
      return claimed.kind;
    },
    /** What the controller sees: these hosts are down, the others are up. */
    down: (...names: string[]) =>
      store.write(async (trx) => {
        await trx.deleteFrom("endpoint_health").execute();
        const rows = INSTANCES.map(({ name, host }) => ({
          ...{ endpoint: name, reason: "", since: 0 },
          status: names.includes(host) ? ("unhealthy" as const) : ("healthy" as const),
        }));
        await trx.insertInto("endpoint_health").values(rows).execute();
      }),
    statuses: async (id: string) => {
      const found = await row(id);
      return [found.status, ...hostRuns(found).map(({ host, status }) => `${host} ${status}`)];
    },
    /** Where something may begin, as a look without locks tells. */
    workOn: async () => {
      const here = ["a", "b", "c"].map(async (host) => {
        const placement = placed(host);
        const targets = placement ? [{ repositoryKey: "acme/site", target: target.name, placement }] : [];
        return (await hostWork(store.read, targets)).length > 0 ? [host] : [];
      });
      return (await Promise.all(here)).flat();
    },
    /** The controller on this host notes which hosts are missing. `pass` lets time pass for it. */
    watchOn: async (host: string) => {
      const clock = new SleepersClock();
      const lease = new ControllerLease({
        ...{ store, clock: systemClock, ttlMs: 7 * 24 * 60 * 60_000 },
        candidate: { holder: host, instance: host, host },
      });
      await lease.acquire(() => true);
      const placement = placed(host);
      const targets = placement ? [{ repositoryKey: "acme/site", target: target.name, placement }] : [];
      const log = pino({ level: "silent" });
      const watch = new HostWatch({ store, clock, log, lease, targets, tellSuccess: true });
      atTestEnd(() => watch.close());
      watch.start();
      return {
        pass: async (ms: number) => {
          await clock.asleep();
          clock.advance(ms);
          await clock.asleep();
        },
      };
    },
    kinds: async () =>
      (await store.read.selectFrom("alerts").select("kind").orderBy("id").execute()).map(({ kind }) => kind),
    alerts: async () =>
      (await store.read.selectFrom("alerts").selectAll().orderBy("id").execute())
        .filter(({ kind }) => kind === "host_missing")
        .map(({ state, facts }) => `${state} ${(JSON.parse(facts) as { hosts: string[] }).hosts.join(", ")}`),
  };
}

describe.each(ENGINES)("a target with a list of hosts on %s", (engine) => {
  it("runs on the first of them that is alive, and on no other host", async () => {
    const { accept, claimOn, runOn, down, workOn, row } = await placedQueue(engine, ["b", "a"]);
    await accept(1);
    expect(await workOn()).toEqual(["b"]);
    expect((await claimOn("a")).kind).toBe("elsewhere");
    expect((await claimOn("c")).kind).toBe("elsewhere");
    expect(await runOn("b")).toBe("claimed");
    await down("b");
    const second = await accept(2);
    expect(await workOn()).toEqual(["b", "a"].toSorted());
    expect((await claimOn("c")).kind).toBe("elsewhere");
    expect(await runOn("a")).toBe("claimed");
    expect(await row(second)).toMatchObject({ status: "succeeded", run_by: "on-a", hosts: null });
  });

  it("stays queued where none is alive, says so, raises one alert, and goes on when one is back", async () => {
    const { accept, down, watchOn, row, alerts, runOn } = await placedQueue(engine, ["b", "a"]);
    await down("a", "b");
    const ids = [await accept(1), await accept(2)];
    const { pass } = await watchOn("c");
    for (const id of ids)
      await expect
        .poll(async () => (await row(id)).reason)
        .toBe("waits for one of the hosts b, a, which are down");
    await pass(30_000);
    expect(await alerts()).toEqual(["firing b, a"]);
    await down("b");
    await pass(1_000);
    await expect.poll(async () => (await row(ids[1] as string)).reason).toBeNull();
    await expect.poll(alerts).toEqual(["firing b, a", "resolved "]);
    expect(await runOn("a")).toBe("claimed");
    expect(await row(ids[1] as string)).toMatchObject({ status: "succeeded", reason: null });
  });
});

describe.each(ENGINES)("a target on all hosts, on %s", (engine) => {
  it("runs on one after the other, each once, and has succeeded when all have", async () => {
    const { accept, claimOn, runOn, statuses, row, workOn, store } = await placedQueue(engine, "all");
    const id = await accept(1);
    expect(await workOn()).toEqual(["a"]);
    expect((await claimOn("b")).kind).toBe("elsewhere");
    expect(await runOn("a")).toBe("claimed");
    expect(await statuses(id)).toEqual(["running", "a succeeded", "b pending", "c pending"]);
    expect(await workOn()).toEqual(["b"]);
    expect((await claimOn("a")).kind).toBe("elsewhere");
    expect((await claimOn("c")).kind).toBe("elsewhere");
    expect(await runOn("b")).toBe("claimed");
    expect(await runOn("c")).toBe("claimed");
    expect(await statuses(id)).toEqual(["succeeded", "a succeeded", "b succeeded", "c succeeded"]);
    expect(await row(id)).toMatchObject({ run_by: null, attempt: 1, exit_code: 0, holder: null, lock: null });
    for (const host of ["a", "b", "c"]) expect((await claimOn(host)).kind).toBe("nothing");
    const told = await store.read.selectFrom("outbox").select("body").orderBy("id").execute();
    expect(told.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      { status: "queued", detail: null },
      { status: "running", detail: "on a (0 of 3 hosts)" },
      { status: "running", detail: "on b; done on a (1 of 3 hosts)" },
      { status: "running", detail: "on c; done on a, b (2 of 3 hosts)" },
      { status: "succeeded", detail: "done on a, b, c (3 of 3 hosts)" },
    ]);
  });

  it("stops at the first failure, which names the host, and a retry goes on there", async () => {
    const { accept, runOn, statuses, row, store, claimOn } = await placedQueue(engine, "all");
    const id = await accept(1);
    await runOn("a");
    await runOn("b", 3);
    expect(await statuses(id)).toEqual(["failed", "a succeeded", "b failed", "c pending"]);
    expect(await row(id)).toMatchObject({
      exit_code: 3,
      reason: "on b: the command exited with code 3",
    });
    expect((await claimOn("c")).kind).toBe("nothing");
    expect(await retry(store, id)).toBeNull();
    expect(await statuses(id)).toEqual(["queued", "a succeeded", "b pending", "c pending"]);
    expect((await claimOn("a")).kind).toBe("elsewhere");
    await runOn("b");
    await runOn("c");
    expect(await statuses(id)).toEqual(["succeeded", "a succeeded", "b succeeded", "c succeeded"]);
    expect(await row(id)).toMatchObject({ attempt: 2, exit_code: 0, reason: null });
  });

  it("is one deployment between two hosts too: nothing else begins, a newer run waits, a cancellation ends it", async () => {
    const { accept, runOn, statuses, claimOn, row, store, target } = await placedQueue(engine, "all", {
      lock: "site",
    });
    const other = { ...target, name: "other" };
    const [id, newer] = [await accept(1), ""];
    await runOn("a");
    const [later, beside] = [await accept(2), await accept(1, other)];
    expect((await claimOn("a")).kind).toBe("elsewhere");
    expect((await claimOn("a", other)).kind).toBe("occupied");
    expect([newer, (await row(later)).status, (await row(beside)).status]).toEqual(["", "queued", "queued"]);
    expect(await cancel(store, id)).toBe("cancelled");
    expect(await statuses(id)).toEqual(["cancelled", "a succeeded", "b pending", "c pending"]);
    for (const host of ["a", "b", "c"]) expect(await runOn(host)).toBe("claimed");
    expect((await row(later)).status).toBe("succeeded");
  });

  it("is cancelled after a host that a cancellation reached too late", async () => {
    const { accept, claimOn, end, statuses, store } = await placedQueue(engine, "all");
    const id = await accept(1);
    const claimed = await claimOn("a");
    expect(await cancel(store, id)).toBe("requested");
    if (claimed.kind === "claimed") await end(claimed.deployment, "a");
    expect(await statuses(id)).toEqual(["cancelled", "a succeeded", "b pending", "c pending"]);
  });

  it("runs again on that host alone where its runner died", async () => {
    const { accept, runOn, claimOn, statuses, store, row } = await placedQueue(engine, "all");
    const id = await accept(1);
    await runOn("a");
    const claimed = await claimOn("b");
    const found = claimed.kind === "claimed" ? claimed.deployment : undefined;
    expect(await interrupt(store, found as DeploymentRecord, "retry", "its runner process ended")).toBe(
      "queued",
    );
    expect(await row(id)).toMatchObject({
      reason: "on b: interrupted: its runner process ended; it is run again",
    });
    expect((await claimOn("a")).kind).toBe("elsewhere");
    await runOn("b");
    await runOn("c");
    expect(await statuses(id)).toEqual(["succeeded", "a succeeded", "b succeeded", "c succeeded"]);
  });

  it("waits for a host that is down, says so, and raises one alert", async () => {
    const { accept, runOn, down, watchOn, row, alerts, statuses, workOn } = await placedQueue(engine, "all");
    const id = await accept(1);
    await runOn("a");
    await down("b");
    const { pass } = await watchOn("c");
    await expect.poll(async () => (await row(id)).reason).toBe("waits for the host b, which is down");
    await pass(30_000);
    expect(await alerts()).toEqual(["firing b"]);
    expect(await runOn("c")).toBe("elsewhere");
    await down();
    await pass(1_000);
    await expect.poll(alerts).toEqual(["firing b", "resolved "]);
    expect(await workOn()).toEqual(["b"]);
    await runOn("b");
    await runOn("c");
    expect(await statuses(id)).toEqual(["succeeded", "a succeeded", "b succeeded", "c succeeded"]);
    expect((await row(id)).reason).toBeNull();
  });
});

describe("a host that restarts", () => {
  it("raises no alert: a deployment may wait for it for 30 s", async () => {
    const { accept, down, watchOn, row, alerts } = await placedQueue("sqlite", ["b"]);
    const id = await accept(1);
    await down("b");
    const { pass } = await watchOn("c");
    await expect.poll(async () => (await row(id)).reason).toBe("waits for the host b, which is down");
    await pass(29_000);
    await down();
    await pass(1_000);
    expect((await row(id)).reason).toBeNull();
    await down("b");
    await pass(1_000);
    await pass(28_000);
    expect(await alerts()).toEqual([]);
    await pass(2_000);
    expect(await alerts()).toEqual(["firing b"]);
  });
});

describe.each(ENGINES)("a target on all hosts that skips missing ones, on %s", (engine) => {
  it("passes over a host that is down, which catches up when it is back", async () => {
    const { accept, runOn, down, claimOn, end, statuses, row, workOn } = await placedQueue(engine, SKIP);
    const id = await accept(1);
    await down("b");
    await runOn("a");
    await runOn("c");
    expect(await statuses(id)).toEqual(["succeeded", "a succeeded", "b pending", "c succeeded"]);
    expect((await row(id)).reason).toBe("b was down; it catches up when back");
    expect((await claimOn("a")).kind).toBe("nothing");
    await down();
    expect(await workOn()).toEqual(["b"]);
    const claimed = await claimOn("b");
    expect(await statuses(id)).toEqual(["succeeded", "a succeeded", "b running", "c succeeded"]);
    // It occupies the target like any other command.
    await accept(2);
    expect((await claimOn("a")).kind).toBe("occupied");
    if (claimed.kind === "claimed") await end(claimed.deployment, "b");
    expect(await statuses(id)).toEqual(["succeeded", "a succeeded", "b succeeded", "c succeeded"]);
    expect((await row(id)).reason).toBeNull();
    expect(await workOn()).toEqual(["a"]);
  });

  it("catches up again after its runner died, and fails with the host that failed", async () => {
    const { accept, runOn, down, claimOn, statuses, row, store } = await placedQueue(engine, SKIP);
    const id = await accept(1);
    await down("c");
    await runOn("a");
    await runOn("b");
    await down();
    const claimed = await claimOn("c");
    if (claimed.kind === "claimed") await interrupt(store, claimed.deployment, "retry", "its host went away");
    expect(await statuses(id)).toEqual(["succeeded", "a succeeded", "b succeeded", "c pending"]);
    await runOn("c", 1);
    expect(await statuses(id)).toEqual(["failed", "a succeeded", "b succeeded", "c failed"]);
    expect((await row(id)).reason).toBe("on c: the command exited with code 1");
  });

  it("does not catch up on a deployment after which a newer one began", async () => {
    const { accept, runOn, down, statuses } = await placedQueue(engine, SKIP);
    const first = await accept(1);
    await down("a");
    await runOn("b");
    await runOn("c");
    await down();
    const second = await accept(2);
    for (const host of ["a", "b", "c"]) expect(await runOn(host)).toBe("claimed");
    expect(await statuses(second)).toEqual(["succeeded", "a succeeded", "b succeeded", "c succeeded"]);
    expect(await runOn("a")).toBe("nothing");
    expect(await statuses(first)).toEqual(["succeeded", "a pending", "b succeeded", "c succeeded"]);
  });

  it("ends where the hosts that are left went down after the one before had handed over", async () => {
    const { accept, runOn, down, watchOn, statuses, kinds } = await placedQueue(engine, SKIP);
    const id = await accept(1);
    await runOn("a");
    await down("b", "c");
    await watchOn("a");
    await expect.poll(() => statuses(id)).toEqual(["succeeded", "a succeeded", "b pending", "c pending"]);
    expect(await kinds()).toEqual(["deployment_succeeded"]);
  });
});

it("all hosts are one where no instance names its host", async () => {
  const store = await newStore("sqlite");
  const target = testTarget({ hosts: "all" });
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
  await acceptor.accept(runArrival(1, [target]));
  const placement = placementOf(target, [{ name: "primary" }, { name: "backup" }], "backup");
  const { name, queue, workflow, lock } = target;
  const claimed = await claim(store, {
    ...{ repositoryKey: "acme/site", target: name, queue, workflow, lock, placement },
    ...{ holder: "run_1", instance: "backup", host: "host-1" },
  });
  if (claimed.kind !== "claimed" || !placement) throw new Error(claimed.kind);
  const { deployment } = claimed;
  const lease = { deploymentId: deployment.id, holder: "run_1", token: deployment.token };
  await finishHost(
    store,
    lease,
    { status: "succeeded", exitCode: 0, reason: null },
    { deployment, placement },
  );
  const row = await store.read.selectFrom("deployments").selectAll().executeTakeFirstOrThrow();
  expect(row.status).toBe("succeeded");
  expect(hostRuns(row)).toMatchObject([{ host: "localhost", status: "succeeded", exit_code: 0 }]);
});
