import { describe, expect, it } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import { claim } from "../../../app/queue/claim/claim.ts";
import { finish } from "../../../app/queue/finish.ts";
import { setHold } from "../../../app/queue/hold.ts";
import { interrupt } from "../../../app/queue/interrupt.ts";
import { retry } from "../../../app/queue/retry.ts";
import { longestWaiting } from "../../../app/queue/waiting-since.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";

/** When the first run of a test came: long ago. */
const ARRIVED = Date.parse("2020-01-01");
const PLACE = { repositoryKey: "acme/site", target: "production" };

/** A target with one run that came long ago. */
async function setScene(engine: Engine) {
  const store = await newStore(engine);
  const clock = new ManualClock();
  clock.ms = ARRIVED;
  const { workflow, lock } = testTarget();
  const acceptor = new Acceptor({ store, clock, instance: "primary", onQueued: () => {} });
  await acceptor.accept(runArrival(1, [testTarget()]));
  const begin = async () => {
    const by = { holder: "run_1", instance: "primary", host: "host-1" };
    const claimed = await claim(store, { ...PLACE, queue: "all", workflow, lock, ...by });
    if (claimed.kind !== "claimed") throw new Error(`the run does not begin: ${claimed.kind}`);
    return claimed.deployment;
  };
  return { store, begin, longest: () => longestWaiting(store.read) };
}

describe.each(ENGINES)("the time for which a deployment has been waiting, on %s", (engine) => {
  it("begins with its arrival, and ends when it begins", async () => {
    const { begin, longest } = await setScene(engine);
    expect(await longest()).toBe(ARRIVED);
    await begin();
    expect(await longest()).toBeNull();
  });

  it("begins anew with a retry", async () => {
    const { store, begin, longest } = await setScene(engine);
    const { id, token } = await begin();
    const lease = { deploymentId: id, holder: "run_1", token };
    await finish(store, lease, { status: "failed", exitCode: 1, reason: null });
    await retry(store, id);
    expect(await longest()).toBeGreaterThan(ARRIVED);
  });

  it("begins anew when the deployment was interrupted", async () => {
    const { store, begin, longest } = await setScene(engine);
    expect(await interrupt(store, await begin(), "retry", "its worker is gone")).toBe("queued");
    expect(await longest()).toBeGreaterThan(ARRIVED);
  });

  it("does not count while a person holds the target", async () => {
    const { store, longest } = await setScene(engine);
    const held = { ...PLACE, repository: "acme/site" };
    await store.write((trx) => setHold(trx, store, held, { by: "boss", reason: "a freeze", until: null }));
    expect(await longest()).toBeNull();
  });
});
