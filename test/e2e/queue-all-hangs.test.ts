import { describe, expect, it, vi } from "vitest";
import { eventually } from "../helpers/eventually.ts";
import { freezeOutsideTransaction } from "../helpers/freeze.ts";
import { ENGINES, type Engine } from "../helpers/stores.ts";
import { PATIENT } from "../helpers/thresholds.ts";
import { type FailoverScene, type How, setFailoverScene } from "./failover-scene.ts";
import { REPOSITORY } from "./twins.ts";

// Most of the time goes into waiting.
vi.setConfig({ maxConcurrency: 3 });

/** Both instances, of which the primary may hang or die, and run #1 deployed, so that every later one that is missing is seen. */
async function setQueueScene(
  engine: Engine,
  {
    inProcess = ["backup"],
    ...failover
  }: How & { failover_threshold?: number; recovery_threshold?: number } = {},
): Promise<FailoverScene> {
  const scene = await setFailoverScene(
    engine,
    { config: { failover: { ...PATIENT, lease_ttl: "5s", ...failover } } },
    { inProcess },
  );
  const { run } = await complete(scene).arrived();
  await expectDeployed(scene, [run.id]);
  return scene;
}

/** A run completes; its event goes to wherever GitHub delivers now. */
function complete({ github }: FailoverScene) {
  const sent = github.completeRun({ repository: REPOSITORY });
  return {
    ...sent,
    async arrived() {
      expect((await sent.delivery).status_code).toBeLessThan(300);
      return sent;
    },
  };
}

/** Resolves when these runs have been deployed, each once, in this order. */
async function expectDeployed({ host }: FailoverScene, runs: number[]): Promise<void> {
  const trace = () => host.trace().map(({ what, runId }) => `${what} ${runId}`);
  const wanted = runs.flatMap((run) => [`start ${run}`, `end ${run}`]);
  await eventually(() => expect(trace().length).toBeGreaterThanOrEqual(wanted.length));
  expect(trace()).toEqual(wanted);
}

const wake = (scene: FailoverScene, name: string) => process.kill(scene.process(name).pid, "SIGCONT");

describe.concurrent.each(ENGINES)("a target that deploys every run, on %s", (engine) => {
  it("deploys what hung at an endpoint that a person switched away from", async () => {
    const scene = await setQueueScene(engine);
    const { host } = scene;
    const first = host.trace()[0]?.runId ?? 0;
    const since = Date.now();
    await freezeOutsideTransaction(host, scene.process("primary").pid);
    const hung = complete(scene);
    await host.admin("backup", "POST", "/api/switchover", { to: "backup", force: true });
    await scene.patchTo("backup", since);
    const next = await complete(scene).arrived();
    wake(scene, "primary");
    await expectDeployed(scene, [first, hung.run.id, next.run.id]);
  });

  it("deploys what hung at an endpoint that GitHub left for the preferred one", async () => {
    // So many failed checks that the frozen one is not found to be down before.
    const scene = await setQueueScene(engine, {
      inProcess: [],
      failover_threshold: 60,
      recovery_threshold: 2,
    });
    const { host } = scene;
    const first = host.trace()[0]?.runId ?? 0;
    await scene.process("primary").kill("SIGKILL");
    await scene.until("backup", ({ active, webhook }) => active === "backup" && webhook.in_sync);
    const since = Date.now();
    await scene.start("primary");
    await scene.until("primary", ({ endpoints }) => (endpoints[0]?.consecutive_successes ?? 0) >= 2);
    await freezeOutsideTransaction(host, scene.process("backup").pid);
    const hung = complete(scene);
    await scene.patchTo("primary", since);
    const next = await complete(scene).arrived();
    wake(scene, "backup");
    await expectDeployed(scene, [first, hung.run.id, next.run.id]);
  });
});

describe.concurrent("a target that deploys every run", () => {
  it("deploys what a killed instance refused, however late that shows in GitHub's log", async ({
    expect,
  }) => {
    const scene = await setQueueScene("sqlite");
    const first = scene.host.trace()[0]?.runId ?? 0;
    scene.github.settings.deliveryListLagMs = 60_000;
    const since = Date.now();
    await scene.process("primary").kill("SIGKILL");
    const refused = complete(scene);
    expect((await refused.delivery).status_code).toBe(502);
    await scene.patchTo("backup", since);
    const next = await complete(scene).arrived();
    await expectDeployed(scene, [first, refused.run.id, next.run.id]);
  });

  it("deploys what hung although GitHub's answer to the new URL is lost, and its log fails", async () => {
    const scene = await setQueueScene("sqlite");
    const { github, host } = scene;
    const first = host.trace()[0]?.runId ?? 0;
    github.faults.add({ kind: "lost-answer" }, { route: "PATCH /app/hook/config" });
    github.faults.add({ kind: "status", status: 502 }, { route: "GET /app/hook/deliveries*" });
    await freezeOutsideTransaction(host, scene.process("primary").pid);
    const hung = complete(scene);
    await github.waitFor(() => github.hook.config.url.startsWith(host.url("backup")));
    const next = await complete(scene).arrived();
    await expectDeployed(scene, [first, hung.run.id, next.run.id]);
    wake(scene, "primary");
  });
});
