import { describe, expect, it } from "vitest";
import { CALM_MS, makeMessages, nextDigest, TOGETHER_MS } from "../../../app/alerts/digest.ts";
import { type NewAlert, raiseAlert } from "../../../app/queue/raise-alert.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";

const FAILOVER: NewAlert<"failover"> = {
  kind: "failover",
  state: "firing",
  subject: "",
  facts: { kind: "failover", from_endpoint: "a", to_endpoint: "b", reason: "a is gone", decided_at: 1 },
};
const LOST: NewAlert<"instance_lost"> = {
  kind: "instance_lost",
  state: "firing",
  subject: "a",
  facts: { reason: "a is gone" },
};
const FOUND: NewAlert<"catch_up"> = {
  kind: "catch_up",
  state: "event",
  subject: "catch_up",
  facts: { look: "catch_up", found: 2, accepted: 1 },
};
const channel = { id: "slack", kinds: ["failover", "instance_lost", "catch_up"] as const, groups: true };

async function setup(engine: Engine) {
  const store = await newStore(engine);
  return {
    store,
    /** Notes it as if it had happened so long after the beginning (ms). */
    note: async (alert: NewAlert, at: number) => {
      await store.write((trx) => raiseAlert(trx, store, alert));
      const { id } = await store.read
        .selectFrom("alerts")
        .select("id")
        .orderBy("id", "desc")
        .limit(1)
        .executeTakeFirstOrThrow();
      await store.write((trx) => trx.updateTable("alerts").set({ at }).where("id", "=", id).execute());
    },
    tell: () => makeMessages(store, [{ ...channel, kinds: [...channel.kinds] }]),
    messages: async () =>
      (await store.read.selectFrom("alert_outbox").select("body").orderBy("id").execute()).map(
        ({ body }) => (JSON.parse(body) as number[]).length,
      ),
  };
}

describe.each(ENGINES)("one incident, on %s", (engine) => {
  it("is told in one message when it begins, and in one when it is over", async () => {
    const { store, note, tell, messages } = await setup(engine);
    await note(FAILOVER, 0);
    await note(LOST, 100);
    expect(await nextDigest(store)).toBe(TOGETHER_MS);
    await tell();
    // GitHub's log is read at once, and again 11 s later; the instance is back, and GitHub delivers to it again.
    await note(FOUND, 2_500);
    await note({ ...LOST, state: "resolved" }, 8_000);
    await note({ ...FAILOVER, state: "resolved" }, 13_000);
    expect(await nextDigest(store)).toBe(2_500 + CALM_MS);
    await tell();
    expect(await messages()).toEqual([2, 3]);
  });

  it("does not keep a new incident waiting: what is over is told along with it", async () => {
    const { store, note } = await setup(engine);
    await note({ ...LOST, state: "resolved" }, 0);
    await note(FAILOVER, 1_000);
    expect(await nextDigest(store)).toBe(1_000 + TOGETHER_MS);
  });
});
