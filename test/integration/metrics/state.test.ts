import { describe, expect, it } from "vitest";
import { deliverRun, setScene, setTwinSceneInProcess } from "../../e2e/twins.ts";
import { eventually } from "../../helpers/eventually.ts";
import { type Exposition, parseExposition } from "../../helpers/exposition.ts";
import { holdStore } from "../../helpers/hold-store.ts";
import { ENGINES } from "../../helpers/stores.ts";
import { ADMIN_TOKEN, type TestHost } from "../../helpers/test-host.ts";

async function read(host: TestHost, instance = "primary"): Promise<Exposition> {
  const answer = await fetch(host.url(instance, "/metrics"), {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  return parseExposition(await answer.text());
}

/** Resolves once an instance counts so many deployments that ended so; a store that is slow is read later. */
function untilEnded(host: TestHost, instance: string, status: string, count: number): Promise<void> {
  return eventually(async () => {
    const { value } = await read(host, instance);
    expect(value("twinhook_deployment_duration_seconds_count", { status })).toBe(count);
  });
}

describe.each(ENGINES)("/metrics on %s", (engine) => {
  it("counts every deployment that ends, whichever instance began it", async () => {
    const scene = await setTwinSceneInProcess(engine);
    const { host } = scene;
    const first = await deliverRun(scene, "primary");
    await host.deployment("primary", first, ({ status }) => status === "succeeded");
    for (const instance of ["primary", "backup"]) await untilEnded(host, instance, "succeeded", 1);

    const other = await deliverRun(scene, "backup");
    await host.deployment("primary", other, ({ status }) => status === "succeeded");
    for (const instance of ["primary", "backup"]) await untilEnded(host, instance, "succeeded", 2);
    await untilEnded(host, "primary", "failed", 0);
  });

  it("counts a deployment again that ends again after a retry", async () => {
    const scene = await setScene(engine, { instances: ["primary"], script: "#!/bin/sh\nexit 1\n" });
    const { host } = scene;
    await host.startInProcess("primary");
    const id = await deliverRun(scene, "primary");
    await host.deployment("primary", id, ({ status }) => status === "failed");
    await untilEnded(host, "primary", "failed", 1);
    expect((await host.admin("primary", "POST", `/api/deployments/${id}/retry`)).status).toBe(202);
    await host.deployment("primary", id, ({ status, attempt }) => status === "failed" && attempt === 2);
    await untilEnded(host, "primary", "failed", 2);
  });

  it("tells how long the oldest message has been waiting to be sent", async () => {
    const scene = await setScene(engine, { instances: ["primary"] });
    const { github, host } = scene;
    await host.startInProcess("primary");
    const age = async () =>
      (await read(host)).value("twinhook_outbox_oldest_age_seconds", { outbox: "github" });
    await eventually(async () => expect(await age()).toBe(0));
    github.faults.add({ kind: "status", status: 502 }, { route: "/repos/*" });
    await deliverRun(scene, "primary");
    await eventually(async () => expect(await age()).toBeGreaterThan(0));
  });
});

describe("/metrics", () => {
  it("does not count a check of an instance that is not ready as a refused request", async () => {
    const { host } = await setScene("sqlite", { instances: ["primary"] });
    await host.startInProcess("primary");
    const release = await holdStore(host);
    await eventually(async () => expect((await fetch(host.url("primary", "/readyz"))).status).toBe(503));
    await release();
    await fetch(host.url("primary", "/no-such-place"));
    const { value } = await read(host);
    expect(value("twinhook_requests_refused_total", { entrance: "other", cause: "unavailable" })).toBe(0);
    expect(value("twinhook_requests_refused_total", { entrance: "other", cause: "not_found" })).toBe(1);
  });

  it("tells how much room is left where the instance writes", async () => {
    const { host } = await setScene("sqlite", { instances: ["primary"] });
    await host.startInProcess("primary");
    const { value } = await read(host);
    const size = value("twinhook_state_directory_size_bytes") ?? 0;
    expect(size).toBeGreaterThan(0);
    expect(value("twinhook_state_directory_free_bytes")).toBeGreaterThan(0);
    expect(value("twinhook_state_directory_free_bytes")).toBeLessThan(size);
  });
});
