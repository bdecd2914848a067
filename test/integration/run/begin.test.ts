import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import type { Arrival } from "../../../app/accept/arrival.ts";
import { rehearseBegin } from "../../../app/accept/begin-task.ts";
import { leanArrival } from "../../../app/accept/commit.ts";
import type { TaskName } from "../../../app/bundle/entry-points.ts";
import { systemClock } from "../../../app/clock.ts";
import { Launcher } from "../../../app/run/launcher.ts";
import type { FromRunner } from "../../../app/run/messages.ts";
import { identify } from "../../../app/run/process-identity.ts";
import { runNext } from "../../../app/run/run-next.ts";
import { RunRegistry } from "../../../app/run/run-registry.ts";
import { StoreUnavailableError } from "../../../app/store/errors.ts";
import type { Store } from "../../../app/store/store.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { ENGINES, type Engine, newStore, temporaryDirectory } from "../../helpers/stores.ts";

const ARRIVAL = { guid: "guid-1", number: 1 };

/** A store, and a target whose runners work in this very process. */
async function scene(engine: Engine, change: Record<string, unknown> = {}) {
  const store = await newStore(engine);
  const directory = temporaryDirectory();
  const target = testTarget({ run: ["sh", "-c", "echo $TWINHOOK_RUN_ID >> ran"], directory, ...change });
  const registry = new RunRegistry(directory);
  const tasks: TaskName[] = [];
  const told: FromRunner[] = [];
  const accept = (arrival: Arrival) =>
    new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} }).accept(arrival);
  return {
    store,
    target,
    tasks,
    told,
    accept,
    ran: () => (existsSync(join(directory, "ran")) ? readFileSync(join(directory, "ran"), "utf8") : ""),
    rows: () => store.read.selectFrom("deployments").selectAll().orderBy("run_id").execute(),
    /** Gives a runner the arrival; `perform` is how its store performs a task. */
    async begin(arrival: Arrival, perform: Store["perform"] = (task, input) => store.perform(task, input)) {
      const holder = registry.newHolder();
      const launcher = await Launcher.begin(registry.outputPipe(holder));
      const runner = identify(process.pid);
      if (!runner) throw new Error("this process has no identity");
      registry.write({ holder, runner, command: launcher.identity });
      const view = new Proxy(store, {
        get(_, name) {
          if (name === "perform")
            return (task: TaskName, input: unknown) => {
              tasks.push(task);
              return perform(task, input);
            };
          const value = Reflect.get(store, name);
          return typeof value === "function" ? value.bind(store) : value;
        },
      });
      const by = { instance: "primary", now: systemClock.now() };
      const result = await runNext(
        {
          ...{ clock: systemClock, store: view, registry, instance: "primary", host: "host-1" },
          lockDirectory: join(directory, "locks"),
          tell: (message: FromRunner) => told.push(message),
        },
        {
          ...{ type: "job", target, inherited: { PATH: process.env.PATH ?? "" }, secrets: [] },
          accept: { arrivals: [leanArrival(arrival)], by },
        },
        { holder, launcher },
      );
      launcher.dismiss();
      return result;
    },
  };
}

describe.concurrent.each(ENGINES)("a runner with an arrival on %s", (engine) => {
  it("accepts and claims it with one commit, and tells the instance before the command starts", async () => {
    const { begin, rows, ran, tasks, told, target } = await scene(engine);
    expect(await begin(runArrival(7, [target], ARRIVAL))).toBe("ran");
    expect([tasks, ran()]).toEqual([["begin-task"], "7\n"]);
    expect(await rows()).toMatchObject([{ run_id: 7, status: "succeeded", accepted_by: "primary" }]);
    const accepted = { outcome: "deployed", queued: true, deployments: [{ duplicate: false }] };
    expect(told).toMatchObject([{ type: "accepted", accepted }, { type: "started" }, { type: "ended" }]);
  });

  it("deploys nothing for an event that is on record", async () => {
    const { accept, begin, rows, ran, told, target } = await scene(engine);
    const arrival = runArrival(7, [target], ARRIVAL);
    await accept(arrival);
    expect(await begin(arrival)).toBe("nothing");
    expect(told).toMatchObject([{ type: "accepted", accepted: { outcome: "duplicate", queued: false } }]);
    expect([await rows(), ran()]).toMatchObject([[{ run_id: 7, status: "queued" }], ""]);
  });

  it("begins an arrival that the instance has committed meanwhile", async () => {
    const { accept, begin, rows, ran, told, target } = await scene(engine);
    const arrival = { ...runArrival(7, [target], ARRIVAL), deliveryId: "dlv_1" };
    await accept(arrival);
    expect([await begin(arrival), ran()]).toEqual(["ran", "7\n"]);
    expect(told[0]).toMatchObject({ accepted: { deliveryId: "dlv_1", outcome: "deployed", queued: true } });
    expect(await rows()).toMatchObject([{ run_id: 7, status: "succeeded" }]);
  });

  it("leaves the arrival to the instance where the commit fails", async () => {
    const { begin, rows, told, store, target } = await scene(engine);
    const result = await begin(runArrival(7, [target], ARRIVAL), (task, input) => {
      if (task === "begin-task") throw new StoreUnavailableError("full", "the disk is full");
      return store.perform(task, input);
    });
    expect([result, told, await rows()]).toEqual(["nothing", [{ type: "accepted" }], []]);
  });

  it("runs the deployment once where only the answer to the commit was lost", async () => {
    const { accept, begin, rows, ran, told, store, target } = await scene(engine);
    const arrival = runArrival(7, [target], ARRIVAL);
    const result = await begin(arrival, async <O>(task: TaskName, input: unknown): Promise<O> => {
      const answer = await store.perform<O>(task, input);
      if (task !== "begin-task") return answer;
      // The instance now commits the arrival itself.
      expect(await accept(arrival)).toMatchObject({ outcome: "duplicate", queued: false });
      throw new StoreUnavailableError("unreachable", "the connection was lost");
    });
    expect([result, ran(), told[0]]).toEqual(["ran", "7\n", { type: "accepted" }]);
    expect(await rows()).toMatchObject([{ run_id: 7, status: "succeeded", interruptions: 0 }]);
  });

  it("begins the run that is next in order, and not the one that arrived", async () => {
    const { accept, begin, rows, ran, target } = await scene(engine, { queue: "all" });
    await accept(runArrival(7, [target], { guid: "guid-7", number: 1 }));
    expect(await begin(runArrival(8, [target], { guid: "guid-8", number: 2 }))).toBe("ran");
    expect([ran(), (await rows()).map(({ status }) => status)]).toEqual(["7\n", ["succeeded", "queued"]]);
  });

  it("holds the arrived run while an earlier one is missing under queue: all", async () => {
    const { begin, rows, told, target } = await scene(engine, { queue: "all" });
    await begin(runArrival(7, [target], { guid: "guid-7", number: 1 }));
    expect(await begin(runArrival(9, [target], { guid: "guid-9", number: 3 }))).toBe("held");
    expect(told.at(-1)).toMatchObject({ type: "accepted", accepted: { outcome: "deployed", queued: true } });
    expect((await rows())[1]).toMatchObject({ status: "queued", order_gap: "run #2" });
  });

  it("supersedes an arrived run that is older than the deployed one", async () => {
    const { begin, rows, ran, target } = await scene(engine);
    await begin(runArrival(8, [target], { guid: "guid-8" }));
    expect(await begin(runArrival(7, [target], { guid: "guid-7" }))).toBe("nothing");
    expect([ran(), (await rows()).map(({ status }) => status)]).toEqual(["8\n", ["superseded", "succeeded"]]);
  });

  it("accepts a run whose target another host deploys to, and leaves it queued", async () => {
    const { accept, begin, rows, store, target } = await scene(engine);
    await accept(runArrival(7, [target], { guid: "guid-7" }));
    const lease = { holder: "run_other", host: "host-2", lease_until: Number.MAX_SAFE_INTEGER, token: 1 };
    await store.write((trx) =>
      trx
        .updateTable("deployments")
        .set({ status: "running", ...lease })
        .execute(),
    );
    expect(await begin(runArrival(8, [target], { guid: "guid-8" }))).toBe("occupied");
    expect((await rows()).map(({ status }) => status)).toEqual(["running", "queued"]);
  });

  it("leaves no trace of its rehearsal", async () => {
    const { rows, store } = await scene(engine);
    await rehearseBegin(store);
    expect(await rows()).toEqual([]);
    for (const table of ["deliveries", "targets", "outbox"] as const)
      expect(await store.read.selectFrom(table).selectAll().execute()).toEqual([]);
  });
});
