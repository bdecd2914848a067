import { describe, expect, it } from "vitest";
import { describeAlert } from "../../../app/alerts/describe.ts";
import { claim } from "../../../app/queue/claim/claim.ts";
import { testTarget } from "../../helpers/arrivals.ts";
import { noteNoTag } from "../../helpers/no-tag.ts";
import { setScans } from "../../helpers/scans.ts";
import { ENGINES } from "../../helpers/stores.ts";

const latest = testTarget({ queue: "latest" });

/** Six runs complete while nobody takes their events, and are found. */
async function foundSix(engine: (typeof ENGINES)[number]) {
  const scene = await setScans(engine, { targets: [latest] });
  const told: unknown[] = [];
  scene.bus.subscribe((event) => told.push(event));
  await scene.completeRuns(6);
  const { scans } = await scene.scan();
  const alerts = () => scene.store.read.selectFrom("alerts").selectAll().execute();
  return { ...scene, scans, told, alerts };
}

describe.each(ENGINES)("the catch-up of several runs with `queue: latest`, on %s", (engine) => {
  it("tells how many are deployed, and how many were overtaken", async () => {
    const { lastScan, told, alerts, store } = await foundSix(engine);
    expect(await lastScan()).toMatchObject({ found: 6, accepted: 1 });
    expect(told).toMatchObject([{ type: "catch_up", found: 6, accepted: 1 }]);
    const [alert, ...others] = await alerts();
    expect(others).toEqual([]);
    if (!alert) throw new Error("no alert was raised");
    const { title, effect } = await describeAlert(
      { ...alert, id: "1" },
      { store, homeUrl: "https://a.example.com/", pageUrl: (id) => id },
    );
    expect(title).toBe("6 requests had not arrived, and were found at GitHub");
    expect(effect).toBe("1 of them is deployed now; newer runs overtook the other 5.");
  });

  it("adds what it finds soon after to the same alert", async () => {
    const { scans, clock, completeRuns, alerts } = await foundSix(engine);
    await completeRuns(2);
    void scans.catchUp();
    await clock.asleep();
    const [alert, ...others] = await alerts();
    expect(others).toEqual([]);
    expect(JSON.parse(alert?.facts ?? "")).toMatchObject({ look: "catch_up", found: 8, accepted: 2 });
  });

  it("shows the deliveries of those that were overtaken as superseded", async () => {
    const { store, deliveries } = await foundSix(engine);
    await noteNoTag(store);
    await claim(store, {
      repositoryKey: "acme/site",
      target: "production",
      queue: "latest",
      workflow: latest.workflow,
      lock: null,
      holder: "runner 1",
      instance: "primary",
      host: "host-1",
    });
    const rows = (await deliveries()).toSorted((a, b) => (a.run_id ?? 0) - (b.run_id ?? 0));
    expect(rows.map(({ outcome }) => outcome)).toEqual([...Array<string>(5).fill("superseded"), "deployed"]);
    expect(rows[0]?.reason).toBe("a newer run took its place before it began");
  });
});
