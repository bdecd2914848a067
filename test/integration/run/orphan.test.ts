import { join } from "node:path";
import pino from "pino";
import { describe, it, vi } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import { systemClock } from "../../../app/clock.ts";
import { claim } from "../../../app/queue/claim/claim.ts";
import { finishHost } from "../../../app/queue/placement/finish-host.ts";
import { placementOf } from "../../../app/queue/placement/placement.ts";
import { Dispatcher } from "../../../app/run/dispatcher.ts";
import { RunRegistry } from "../../../app/run/run-registry.ts";
import type { RunnerPool } from "../../../app/run/runner-pool.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { atTestEnd } from "../../helpers/at-test-end.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { ENGINES, newStore, temporaryDirectory } from "../../helpers/stores.ts";

const HOST = "host-1";
/** So long a twin whose configuration is the older one may take. */
const PATIENCE_MS = 60_000;

describe.concurrent.each(ENGINES)("a deployment whose runner is gone on %s", (engine) => {
  it("fails where its target is not configured any more, once no twin has cleared it away", async ({
    expect,
  }) => {
    const store = await newStore(engine);
    const directory = temporaryDirectory();
    const renamed = testTarget({ name: "web", lock: "database" });
    const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
    await acceptor.accept(runArrival(1, [renamed]));
    const { name, queue, workflow, lock } = renamed;
    const request = { repositoryKey: "acme/site", target: name, queue, workflow, lock };
    await claim(store, { ...request, holder: "run_gone", instance: "primary", host: HOST });
    const clock = new ManualClock();
    const pool = { hasSpare: true, run: () => new Promise(() => {}), close() {} } as unknown as RunnerPool;
    const registry = new RunRegistry(directory);
    // Whether the runner is gone is asked of the registry once at every look.
    const looks = vi.spyOn(registry, "read");
    const dispatcher = new Dispatcher({
      store,
      clock,
      pool,
      registry,
      host: HOST,
      lockDirectory: join(directory, "locks"),
      targets: [testTarget({ name: "site", lock: "database" })],
      log: pino({ enabled: false }),
    });
    atTestEnd(() => dispatcher.close());
    const row = () => store.read.selectFrom("deployments").selectAll().executeTakeFirstOrThrow();
    /** Two looks, since the first one may have begun before the time that it is to see. */
    const seen = async () => {
      const before = looks.mock.calls.length;
      await expect.poll(() => looks.mock.calls.length).toBeGreaterThanOrEqual(before + 2);
    };
    dispatcher.start();
    await seen();
    clock.ms += PATIENCE_MS - 1;
    await seen();
    expect(await row()).toMatchObject({ status: "running" });
    clock.ms += 1;
    await expect.poll(async () => (await row()).status).toBe("failed");
    expect(await row()).toMatchObject({
      lock: null,
      reason: "interrupted: its worker process ended, and its target is not configured any more",
    });
  });

  it("fails also between two hosts, where no runner holds it", async ({ expect }) => {
    const store = await newStore(engine);
    const instances = ["a", "b"].map((host) => ({ name: host, host }));
    const removed = testTarget({ name: "web", lock: "database", hosts: "all" });
    const acceptor = new Acceptor({ store, clock: systemClock, instance: "a", onQueued: () => {} });
    await acceptor.accept(runArrival(1, [removed]));
    const { name, queue, workflow, lock } = removed;
    const placement = placementOf(removed, instances, "a");
    const request = { repositoryKey: "acme/site", target: name, queue, workflow, lock, placement };
    const claimed = await claim(store, { ...request, holder: "run_1", instance: "a", host: HOST });
    if (claimed.kind !== "claimed" || !placement) throw new Error(claimed.kind);
    const { deployment } = claimed;
    const lease = { deploymentId: deployment.id, holder: "run_1", token: deployment.token };
    const ending = { status: "succeeded" as const, exitCode: 0, reason: null };
    await finishHost(store, lease, ending, { deployment, placement });
    const clock = new ManualClock();
    const pool = { hasSpare: true, run: () => new Promise(() => {}), close() {} } as unknown as RunnerPool;
    const directory = temporaryDirectory();
    const dispatcher = new Dispatcher({
      ...{ store, clock, pool, registry: new RunRegistry(directory), host: HOST },
      lockDirectory: join(directory, "locks"),
      targets: [testTarget({ name: "site", lock: "database" })],
      log: pino({ enabled: false }),
    });
    atTestEnd(() => dispatcher.close());
    dispatcher.start();
    const row = () => store.read.selectFrom("deployments").selectAll().executeTakeFirstOrThrow();
    expect(await row()).toMatchObject({ status: "running", holder: null, lock: "database" });
    await expect
      .poll(async () => {
        clock.ms += PATIENCE_MS;
        return (await row()).status;
      })
      .toBe("failed");
    expect(await row()).toMatchObject({
      lock: null,
      reason: "interrupted: its target is not configured any more",
    });
  });
});
