import { expect, it } from "vitest";
import type { Accepted } from "../../../app/accept/accepted.ts";
import { Acceptor, type Begin } from "../../../app/accept/acceptor.ts";
import type { Arrival } from "../../../app/accept/arrival.ts";
import type { CommitInput } from "../../../app/accept/commit-task.ts";
import { systemClock } from "../../../app/clock.ts";
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

async function acceptorWith(begin: Begin) {
  const store = await newStore("sqlite");
  const asked: CommitInput[] = [];
  const queued: Arrival[] = [];
  const acceptor = new Acceptor({
    ...{ store, clock: systemClock, instance: "primary" },
    onQueued: (arrivals) => queued.push(...arrivals),
    begin: (input) => {
      asked.push(input);
      return begin(input);
    },
  });
  const runs = async () => (await store.read.selectFrom("deployments").select("run_id").execute()).length;
  return { acceptor, asked, queued, runs };
}

it("an arrival that comes alone is left to a worker that commits it", async () => {
  const { acceptor, asked, queued, runs } = await acceptorWith(async () => BY_WORKER);
  expect(await acceptor.accept(runArrival(1, [target], { guid: "guid-1" }))).toBe(BY_WORKER);
  expect([asked.length, queued, await runs()]).toEqual([1, [], 0]);
});

it("an arrival that no worker takes is committed by the instance", async () => {
  const { acceptor, queued, runs } = await acceptorWith(async () => undefined);
  expect(await acceptor.accept(runArrival(1, [target]))).toMatchObject({ outcome: "deployed", queued: true });
  expect([queued.length, await runs()]).toEqual([1, 1]);
});

it("an arrival whose worker does not answer is committed by the instance", async () => {
  const { acceptor, queued, runs } = await acceptorWith(() => new Promise(() => {}));
  expect(await acceptor.accept(runArrival(1, [target]))).toMatchObject({ outcome: "deployed", queued: true });
  expect([queued.length, await runs()]).toEqual([1, 1]);
});

it("arrivals that come together share one commit of the instance", async () => {
  const { acceptor, asked, runs } = await acceptorWith(async () => BY_WORKER);
  await Promise.all([1, 2].map((run) => acceptor.accept(runArrival(run, [target]))));
  expect([asked, await runs()]).toEqual([[], 2]);
});

it("a request without a run is no worker's: committed twice it would deploy twice", async () => {
  const { acceptor, asked, runs } = await acceptorWith(async () => BY_WORKER);
  const arrival = runArrival(1, [target], { source: "manual" });
  const facts = arrival.facts && { ...arrival.facts, runId: null, runAttempt: null };
  await acceptor.accept({ ...arrival, facts });
  expect([asked, await runs()]).toEqual([[], 1]);
});

it("an arrival for several targets is committed by the instance", async () => {
  const { acceptor, asked, runs } = await acceptorWith(async () => BY_WORKER);
  await acceptor.accept(runArrival(1, [target, testTarget({ name: "second" })]));
  expect([asked, await runs()]).toEqual([[], 2]);
});
