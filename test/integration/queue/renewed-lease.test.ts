import { describe, expect, it } from "vitest";
import { commit } from "../../../app/accept/commit.ts";
import { claim } from "../../../app/queue/claim/claim.ts";
import { interrupt } from "../../../app/queue/interrupt.ts";
import { renew } from "../../../app/queue/renew.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { ENGINES, newStore } from "../../helpers/stores.ts";

describe.each(ENGINES)("a deployment of another host on %s", (engine) => {
  async function running() {
    const store = await newStore(engine);
    const { name, queue, workflow, ...target } = testTarget();
    await commit(store, [runArrival(1, [{ ...target, name, queue, workflow }])], {
      instance: "primary",
      now: 1,
    });
    const who = { holder: "run_1", instance: "primary", host: "host-1", lock: null };
    const claimed = await claim(store, { repositoryKey: "acme/site", target: name, queue, workflow, ...who });
    if (claimed.kind !== "claimed") throw new Error(`nothing was claimed: ${claimed.kind}`);
    const { id, token } = claimed.deployment;
    const runOut = () =>
      store.write((trx) =>
        trx.updateTable("deployments").set({ lease_until: 1 }).where("id", "=", id).execute(),
      );
    const read = () => store.read.selectFrom("deployments").selectAll().executeTakeFirstOrThrow();
    return { store, runOut, read, lease: { deploymentId: id, holder: "run_1", token } };
  }

  it("stays its host's where the lease was renewed after it was seen to have run out", async () => {
    const { store, runOut, read, lease } = await running();
    await runOut();
    const seen = await read();
    await renew(store, lease);
    expect(await interrupt(store, seen, "retry", "host host-1 is away", { ranOut: true })).toBe("unchanged");
    expect(await read()).toMatchObject({ status: "running", holder: "run_1" });
  });

  it("is taken over once its lease has run out", async () => {
    const { store, runOut, read } = await running();
    await runOut();
    expect(await interrupt(store, await read(), "retry", "host host-1 is away", { ranOut: true })).toBe(
      "queued",
    );
  });
});
