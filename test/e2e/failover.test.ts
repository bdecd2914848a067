import { describe, it, vi } from "vitest";
import { WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import { freezeInTransaction, freezeOutsideTransaction } from "../helpers/freeze.ts";
import { ENGINES } from "../helpers/stores.ts";
import { PATIENT } from "../helpers/thresholds.ts";
import { setFailoverScene } from "./failover-scene.ts";

// Most of the time goes into waiting.
vi.setConfig({ maxConcurrency: 3 });

const other = (name: string) => (name === "primary" ? "backup" : "primary");

describe.concurrent.each(ENGINES)("the active instance is killed, on %s", (engine) => {
  it("and GitHub delivers to its twin, whichever of them was the controller", async ({ expect }) => {
    const scene = await setFailoverScene(engine);
    const { github, host } = scene;
    // First the controller itself dies as the active instance, then one that is not the controller.
    const { controller } = await scene.status("primary");
    const first = controller as string;
    const second = other(first);
    if (first === "backup") {
      await host.admin("backup", "POST", "/api/switchover", { to: "backup" });
      await scene.until("backup", ({ active, webhook }) => active === "backup" && webhook.in_sync);
    }

    const killedAt = Date.now();
    await scene.process(first).kill("SIGKILL");
    await scene.patchTo(second, killedAt);
    const { last_failover, pinned } = await scene.until(second, ({ webhook }) => webhook.in_sync);
    expect(last_failover).toMatchObject({ from: first, to: second, kind: "failover" });
    expect(last_failover?.reason).toContain("its process is gone");
    expect(pinned).toBeNull();
    const steps = [
      killedAt,
      ...(["detected_at", "decided_at", "switched_at", "verified_at"] as const).map((step) =>
        Date.parse(last_failover?.[step] ?? ""),
      ),
    ];
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect((await scene.deliver())?.status).toBe("OK");
    const story = await scene
      .process(second)
      .line(({ msg }) => msg?.startsWith(`failover from ${first} to ${second} is complete`) ?? false);
    expect(story.msg).toMatch(/its process is gone; decided after \d+ ms, at GitHub after \d+ ms, read back/);

    await scene.start(first);
    // Seldom, on a busy machine, another one has become the controller meanwhile.
    const { controller: inControl } = await scene.until(
      second,
      ({ controller, endpoints }) =>
        controller !== null && endpoints.every(({ status }) => status === "healthy"),
    );
    const survivor = inControl as string;
    const victim = other(survivor);
    await host.admin(survivor, "POST", "/api/switchover", { to: victim });
    await scene.until(survivor, (now) => now.active === victim && now.webhook.in_sync);
    const killedAgainAt = Date.now();
    await scene.process(victim).kill("SIGKILL");
    await scene.patchTo(survivor, killedAgainAt);
    await github.waitFor(() => github.hook.config.url.startsWith(host.url(survivor)));
    expect((await scene.deliver())?.status).toBe("OK");
  });
});

describe.concurrent("an instance that is frozen", () => {
  it("as the active one is replaced, and woken as the former controller writes nothing to GitHub", async ({
    expect,
  }) => {
    // Nobody goes back to the preferred one by choice, which would be a write, too.
    const failover = { ...PATIENT, recovery_threshold: 10_000 };
    const scene = await setFailoverScene("sqlite", { config: { failover } });
    const { github, host } = scene;
    // The controller is in the middle of a change that GitHub does not take.
    const fault = github.faults.add({ kind: "status", status: 503 }, { route: "PATCH /app/hook/config" });
    const { controller } = await scene.status("primary");
    const frozen = controller as string;
    const twin = other(frozen);
    await host.admin("primary", "POST", "/api/switchover", { to: frozen === "primary" ? twin : frozen });
    await github.waitFor(() => fault.hits > 1);
    const frozenAt = Date.now();
    await freezeOutsideTransaction(host, scene.process(frozen).pid);
    fault.clear();
    await scene.patchTo(twin, frozenAt);
    await scene.until(twin, ({ webhook }) => webhook.in_sync);
    expect((await scene.deliver())?.status).toBe("OK");

    const before = scene.patches.length;
    process.kill(scene.process(frozen).pid, "SIGCONT");
    await scene.until(frozen, (now) => now.controller === twin && now.endpoints.every(isUp));
    expect(scene.patches.length).toBe(before);
    expect(github.hook.config.url.startsWith(host.url(twin))).toBe(true);
  });

  it("as the controller alone is replaced as that, and the URL stays", async ({ expect }) => {
    const scene = await setFailoverScene("sqlite", { config: { failover: PATIENT } });
    const { controller } = await scene.status("primary");
    const frozen = controller as string;
    const twin = other(frozen);
    await scene.host.admin("primary", "POST", "/api/switchover", { to: twin });
    await scene.until(twin, ({ active, webhook }) => active === twin && webhook.in_sync);
    const before = scene.patches.length;
    await freezeOutsideTransaction(scene.host, scene.process(frozen).pid);
    await scene.process(twin).line(({ msg }) => msg === `${twin} controls the webhook now`);
    await scene.until(twin, ({ endpoints }) => endpoints.some(({ status }) => status === "unhealthy"));
    expect(scene.patches.length).toBe(before);
    expect((await scene.deliver())?.status).toBe("OK");
  });

  it("inside a write transaction is ended and replaced", async ({ expect }) => {
    const how = { inProcess: ["backup"] };
    const scene = await setFailoverScene("sqlite", { config: { failover: PATIENT } }, how);
    await freezeInTransaction(scene.host, "primary", scene.process("primary").pid);
    const frozenAt = Date.now();
    await scene.patchTo("backup", frozenAt);
    await scene.until("backup", ({ webhook }) => webhook.in_sync);
    expect((await scene.deliver())?.status).toBe("OK");
    expect((await scene.process("primary").ended).signal).toBe("SIGKILL");
  });
});

describe.concurrent("GitHub", () => {
  it("that is down while an instance dies takes the new URL as soon as it is back", async ({ expect }) => {
    const scene = await setFailoverScene("sqlite", {}, { inProcess: ["backup"] });
    const { github, host } = scene;
    await github.goDown();
    await scene.process("primary").kill("SIGKILL");
    const wanted = host.url("backup", WEBHOOK_PATH);
    await scene.instance("backup").line(({ msg, url }) => url === wanted && /is not set yet/.test(msg ?? ""));
    const open = await scene.status("backup");
    expect(open).toMatchObject({ active: "backup", webhook: { in_sync: false } });
    expect(open.last_failover).toMatchObject({ switched_at: null, verified_at: null, duration_ms: null });
    const backAt = Date.now();
    await github.comeBack();
    await scene.patchTo("backup", backAt);
    const { last_failover } = await scene.until("backup", ({ webhook }) => webhook.in_sync);
    expect(last_failover?.duration_ms).toBeGreaterThan(0);
    expect((await scene.deliver())?.url).toContain(host.url("backup"));
  });
});

describe.concurrent("three instances", () => {
  it("take each other's place in the order of preference, and a person's choice goes before it", async ({
    expect,
  }) => {
    const failover = { recovery_threshold: 2 };
    const scene = await setFailoverScene(
      "sqlite",
      { instances: ["primary", "backup", "third"], config: { failover } },
      { inProcess: ["third"] },
    );
    const { host } = scene;
    const switchTo = (to: string, more: object = {}) =>
      host.admin("third", "POST", "/api/switchover", { to, ...more });

    // A switchover holds although the preferred endpoint is well, until it is taken back.
    expect((await switchTo("third", { reason: "trying it" })).status).toBe(202);
    const held = await scene.until("third", ({ active, webhook }) => active === "third" && webhook.in_sync);
    expect(held).toMatchObject({
      pinned: "third",
      last_failover: { kind: "switchover", reason: "third was pinned" },
    });
    const successes = held.endpoints[0]?.consecutive_successes ?? 0;
    await scene.until("third", ({ endpoints }) => (endpoints[0]?.consecutive_successes ?? 0) > successes + 3);
    expect((await scene.status("third")).active).toBe("third");
    await host.admin("third", "DELETE", "/api/switchover");
    const back = await scene.until("third", ({ active, webhook }) => active === "primary" && webhook.in_sync);
    expect(back).toMatchObject({
      pinned: null,
      last_failover: { from: "third", to: "primary", kind: "recovery" },
    });

    // It is dropped when its endpoint dies, and the best of the others takes over.
    await switchTo("backup");
    await scene.until("third", ({ active, webhook }) => active === "backup" && webhook.in_sync);
    await scene.process("backup").kill("SIGKILL");
    const dropped = await scene.until(
      "third",
      ({ active, webhook }) => active === "primary" && webhook.in_sync,
    );
    expect(dropped).toMatchObject({ pinned: null, last_failover: { from: "backup", kind: "failover" } });

    // One that is down is refused, unless someone insists, and is then held to.
    const refused = await switchTo("backup");
    expect(refused.status).toBe(409);
    expect(await refused.text()).toContain("its process is gone");
    expect((await switchTo("backup", { force: true })).status).toBe(202);
    await scene.until(
      "third",
      ({ active, pinned, webhook }) => active === "backup" && pinned === "backup" && webhook.in_sync,
    );
    await host.admin("third", "DELETE", "/api/switchover");
    await scene.until("third", ({ active, webhook }) => active === "primary" && webhook.in_sync);

    const killedAt = Date.now();
    await scene.process("primary").kill("SIGKILL");
    await scene.patchTo("third", killedAt);
    await scene.until("third", ({ active, webhook }) => active === "third" && webhook.in_sync);
    expect((await scene.deliver())?.status).toBe("OK");
  });
});

function isUp({ status }: { status: string }): boolean {
  return status === "healthy";
}
