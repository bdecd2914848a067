import { describe, expect, it } from "vitest";
import { Receivers } from "../helpers/alerts/receivers.ts";
import type { InProcessInstance } from "../helpers/in-process-instance.ts";
import { setFailoverScene } from "./failover-scene.ts";

async function setup() {
  const receivers = await Receivers.start();
  const scene = await setFailoverScene(
    "sqlite",
    { config: { alerts: receivers.alerts }, env: receivers.env },
    { inProcess: true },
  );
  const [primary, backup] = scene.host.started as [InProcessInstance, InProcessInstance];
  return { scene, receivers, primary, backup };
}

describe("a planned stop", () => {
  it("of the active instance is a switchover: one quiet line, and no alert", async () => {
    const { scene, receivers, primary, backup } = await setup();
    const stopped = primary.kill();
    const { last_failover } = await scene.until(
      "backup",
      ({ active, webhook }) => active === "backup" && webhook.in_sync,
    );
    expect(last_failover).toMatchObject({
      kind: "switchover",
      from: "primary",
      reason: "primary is stopped: it is shutting down",
    });
    await stopped;
    // Alerts are told in the order in which they are noted.
    await scene.host.admin("backup", "POST", "/api/alerts/test");
    await receivers.alert(({ kind }) => kind === "test");
    expect(receivers.alertsTaken().map(({ kind }) => kind)).toEqual(["test"]);
    const said = [...primary.lines, ...backup.lines].filter(({ msg }) => msg?.includes("switchover"));
    expect(said.map(({ level }) => level)).toEqual(["info"]);
    const warned = backup.lines.filter(({ level }) => level === "warn" || level === "error");
    expect(warned.filter(({ msg }) => msg?.includes("primary"))).toEqual([]);
  });

  it("of all instances hands nothing over, and misses nobody", async () => {
    const { scene, primary, backup } = await setup();
    const before = scene.patches.length;
    await Promise.all([primary.stopWithAll(), backup.stopWithAll()]);
    expect(scene.patches).toHaveLength(before);
    expect(primary.output + backup.output).not.toMatch(
      /switchover|failover from|no endpoint is up|handed over/,
    );
  });
});
