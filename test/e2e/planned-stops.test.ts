import { describe, expect, it } from "vitest";
import { Receivers } from "../helpers/alerts/receivers.ts";
import type { InProcessInstance } from "../helpers/in-process-instance.ts";
import type { LogLine } from "../helpers/process.ts";
import { setFailoverScene } from "./failover-scene.ts";

/** Twins in this process, of which one is active, and what they log from now on. */
async function setup() {
  const receivers = await Receivers.start();
  const scene = await setFailoverScene(
    "sqlite",
    { config: { alerts: receivers.alerts }, env: receivers.env },
    { inProcess: "all" },
  );
  const instances = scene.host.started as InProcessInstance[];
  const { active } = await scene.status("primary");
  const other = active === "primary" ? "backup" : "primary";
  const known = instances.map(({ lines }) => lines.length);
  return {
    scene,
    receivers,
    instances,
    active: active as string,
    other,
    logged: (): LogLine[] => instances.flatMap(({ lines }, index) => lines.slice(known[index])),
  };
}

describe("a planned stop", () => {
  it("of the active instance is a switchover: one quiet line, and no alert", async () => {
    const { scene, receivers, instances, active, other, logged } = await setup();
    const begun = Date.now();
    const stopped = instances[active === "primary" ? 0 : 1]?.kill();
    const { last_failover } = await scene.until(
      other,
      (status) => status.active === other && status.webhook.in_sync,
    );
    expect(last_failover).toMatchObject({
      kind: "switchover",
      from: active,
      reason: `${active} is stopped: it is shutting down`,
    });
    await stopped;
    // Alerts are told in the order in which they are noted.
    await scene.host.admin(other, "POST", "/api/alerts/test");
    await receivers.alert(({ kind }) => kind === "test");
    const since = receivers.alertsTaken().filter((alert) => Date.parse(alert.since) >= begun);
    expect(since.filter(({ kind }) => kind === "failover" || kind === "instance_lost")).toEqual([]);
    const said = logged().filter(({ msg }) => msg?.includes("switchover"));
    expect(said.map(({ level }) => level)).toEqual(["info"]);
    const loud = logged().filter(({ level }) => level === "warn" || level === "error");
    expect(loud.filter(({ msg }) => msg?.startsWith(`${active} is`))).toEqual([]);
  });

  it("of all instances hands nothing over, and misses nobody", async () => {
    const { scene, instances, logged } = await setup();
    const before = scene.patches.length;
    await Promise.all(instances.map((instance) => instance.stopWithAll()));
    expect(scene.patches).toHaveLength(before);
    const texts = logged().map(({ msg }) => msg);
    expect(
      texts.filter((msg) => /switchover|failover|no endpoint is up|handed over/.test(msg ?? "")),
    ).toEqual([]);
  });
});
