import { expect, test } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import { systemClock } from "../../../app/clock.ts";
import { type EndedDeployment, EndedDeployments } from "../../../app/metrics/ended-deployments.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { newStore } from "../../helpers/stores.ts";

/** A store with one deployment that waits, and what is told of deployments that end. */
async function setScene() {
  const store = await newStore("sqlite");
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
  const told: EndedDeployment[] = [];
  const ended = new EndedDeployments(store, (one) => told.push(one));
  await ended.read();
  await acceptor.accept(runArrival(1, [testTarget()]));
  return {
    told,
    ended,
    update: (values: { status: "superseded" | "failed"; started_at: number | null; finished_at: number }) =>
      store.write((trx) => trx.updateTable("deployments").set(values).execute()),
  };
}

test("a deployment that has ended is told once, with how long its command ran", async () => {
  const { told, ended, update } = await setScene();
  await update({ status: "failed", started_at: 1_000, finished_at: 3_500 });
  await ended.read();
  await ended.read();
  expect(told).toMatchObject([{ repository: "acme/site", status: "failed", ranMs: 2_500, verifiedMs: null }]);
});

test("a deployment that was interrupted and then overtaken by a newer run is not told", async () => {
  const { told, ended, update } = await setScene();
  await update({ status: "superseded", started_at: 1_000, finished_at: 3_500 });
  await ended.read();
  expect(told).toEqual([]);
});
