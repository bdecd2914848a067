import { expect, it } from "vitest";
import type { Accepted } from "../../../app/accept/accepted.ts";
import { Acceptor, type Begin } from "../../../app/accept/acceptor.ts";
import type { Arrival } from "../../../app/accept/arrival.ts";
import type { CommitInput } from "../../../app/accept/commit-task.ts";
import { systemClock } from "../../../app/clock.ts";
import type { Store } from "../../../app/store/store.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { newStore } from "../../helpers/stores.ts";

const target = testTarget();
const BY_WORKER: Accepted = {
  ...{
    deliveryId: "dlv_1",
    outcome: "deployed",
    reason: null,
    deployments: [],
    queued: true,
    conflict: null,
  },
};

async function acceptorWith(begin: Begin, store: Store | Promise<Store> = newStore("sqlite")) {
  const opened = await store;
  const asked: CommitInput[] = [];
  const queued: Arrival[] = [];
  const acceptor = new Acceptor({
    ...{ store: opened, clock: systemClock, instance: "primary" },
    onQueued: (arrivals) => queued.push(...arrivals),
    begin: (input) => {
      asked.push(input);
      return begin(input);
    },
  });
  const runs = async () => (await opened.read.selectFrom("deployments").select("run_id").execute()).length;
  return { acceptor, asked, queued, runs };
}

it("an event that comes alone is left to a worker that commits it", async () => {
  const { acceptor, asked, queued, runs } = await acceptorWith(async () => BY_WORKER);
  expect(await acceptor.accept(runArrival(1, [target], { guid: "guid-1" }))).toBe(BY_WORKER);
  expect([asked.length, queued, await runs()]).toEqual([1, [], 0]);
});

it("an arrival that no worker takes is committed by the instance", async () => {
  const { acceptor, queued, runs } = await acceptorWith(async () => undefined);
  expect(await acceptor.accept(runArrival(1, [target], { guid: "guid-1" }))).toMatchObject({
    outcome: "deployed",
    queued: true,
  });
  expect([queued.length, await runs()]).toEqual([1, 1]);
});

it("an arrival whose worker does not answer is committed by the instance", async () => {
  const { acceptor, queued, runs } = await acceptorWith(() => new Promise(() => {}));
  expect(await acceptor.accept(runArrival(1, [target], { guid: "guid-1" }))).toMatchObject({
    outcome: "deployed",
    queued: true,
  });
  expect([queued.length, await runs()]).toEqual([1, 1]);
});

it("an event whose worker commits it too late is answered as new, and not as a duplicate", async () => {
  const store = await newStore("sqlite");
  const { acceptor, runs } = await acceptorWith(async (input) => {
    await store.perform("commit-task", input);
    return new Promise(() => {});
  }, store);
  expect(await acceptor.accept(runArrival(1, [target], { guid: "guid-1" }))).toMatchObject({
    ...{ outcome: "deployed", queued: true, deployments: [{ duplicate: false }] },
  });
  expect(await runs()).toBe(1);
});

it("an event that a worker does not answer delays no other one", async () => {
  const { acceptor } = await acceptorWith(() => new Promise(() => {}));
  const answered: number[] = [];
  await Promise.all(
    [runArrival(1, [target], { guid: "guid-1" }), runArrival(2, [target], { source: "action" })].map(
      async (arrival) => {
        await acceptor.accept(arrival);
        answered.push(arrival.facts?.runId as number);
      },
    ),
  );
  expect(answered).toEqual([2, 1]);
});

it("an instance that stops waits for the events that workers commit", async () => {
  const { acceptor, runs } = await acceptorWith(() => new Promise(() => {}));
  const accepted = acceptor.accept(runArrival(1, [target], { guid: "guid-1" }));
  await acceptor.close();
  expect([await accepted, await runs()]).toMatchObject([{ outcome: "deployed" }, 1]);
});

it("arrivals that come during a commit share the next one", async () => {
  const { acceptor, asked, runs } = await acceptorWith(() => undefined);
  await Promise.all(
    [1, 2, 3].map((run) => acceptor.accept(runArrival(run, [target], { guid: `guid-${run}` }))),
  );
  expect([asked.length, await runs()]).toEqual([1, 3]);
});

it("an event after a commit of several is the instance's, and the one after it a worker's again", async () => {
  const { acceptor, asked } = await acceptorWith(async () => BY_WORKER);
  const requests = [1, 2].map((run) => runArrival(run, [target], { source: "action" }));
  await Promise.all(requests.map((request) => acceptor.accept(request)));
  await acceptor.accept(runArrival(3, [target], { guid: "guid-3" }));
  expect(asked.length).toBe(0);
  await acceptor.accept(runArrival(4, [target], { guid: "guid-4" }));
  expect(asked.length).toBe(1);
});

it("an Action's request is no worker's: a second commit of it would be taken for a second request", async () => {
  const { acceptor, asked, runs } = await acceptorWith(async () => BY_WORKER);
  await acceptor.accept(runArrival(1, [target], { source: "action" }));
  expect([asked, await runs()]).toEqual([[], 1]);
});

it("a request without a run is no worker's: committed twice it would deploy twice", async () => {
  const { acceptor, asked, runs } = await acceptorWith(async () => BY_WORKER);
  const arrival = runArrival(1, [target], { guid: "guid-1" });
  const facts = arrival.facts && { ...arrival.facts, runId: null, runAttempt: null };
  await acceptor.accept({ ...arrival, facts });
  expect([asked, await runs()]).toEqual([[], 1]);
});

it("an arrival for several targets is committed by the instance", async () => {
  const { acceptor, asked, runs } = await acceptorWith(async () => BY_WORKER);
  await acceptor.accept(runArrival(1, [target, testTarget({ name: "second" })], { guid: "guid-1" }));
  expect([asked, await runs()]).toEqual([[], 2]);
});
