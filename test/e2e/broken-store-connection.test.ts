import { describe, it } from "vitest";
import { StoreProxy } from "../campaign/store-proxy.ts";
import { atTestEnd } from "../helpers/at-test-end.ts";
import { newDatabaseUrl } from "../helpers/stores.ts";
import { TestHost } from "../helpers/test-host.ts";
import { startGitHub } from "../simulator/simulator.ts";
import { firstLooksAreOver, pointHookTo, REPOSITORY } from "./twins.ts";

/** An instance that deploys every run, whose PostgreSQL is reached through a proxy that can break connections. */
async function setup() {
  const github = await startGitHub();
  atTestEnd(() => github.close());
  github.addRepository(REPOSITORY);
  const proxy = await StoreProxy.open((await newDatabaseUrl("postgres")) as string);
  atTestEnd(() => proxy.close());
  const host = await TestHost.create({ github, store: proxy.url, instances: ["primary"] });
  atTestEnd(() => host.close());
  pointHookTo({ github, host }, "primary");
  await host.startInProcess("primary");
  await firstLooksAreOver({ github, host }, "primary");
  return { github, host, proxy };
}

describe.concurrent("an accept whose connection to PostgreSQL breaks", () => {
  it("is done again before its commit, and its run is deployed once and in order", async ({ expect }) => {
    const { github, host, proxy } = await setup();
    const runs: number[] = [];
    for (const at of [undefined, "insert", undefined] as const) {
      if (at) proxy.break(at);
      const { run, delivery } = github.completeRun({ repository: REPOSITORY });
      expect((await delivery).status_code).toBe(202);
      runs.push(run.id);
    }
    expect(proxy.isArmed).toBe(false);
    await expect.poll(() => host.trace().length).toBe(2 * runs.length);
    expect(host.trace().map(({ runId }) => runId)).toEqual(runs.flatMap((id) => [id, id]));
  });

  it("is answered 503 at the commit, and its run is deployed before the next one", async ({ expect }) => {
    const { github, host, proxy } = await setup();
    const complete = () => github.completeRun({ repository: REPOSITORY });
    const first = complete();
    expect((await first.delivery).status_code).toBe(202);
    await expect.poll(() => host.trace().length).toBe(2);
    const sent = [first];
    // GitHub tells of the App's own Deployments as well: such an event may be the one whose connection breaks.
    for (let status = 202; status === 202; ) {
      proxy.break("commit");
      const next = complete();
      sent.push(next);
      status = (await next.delivery).status_code;
      expect([202, 503]).toContain(status);
    }
    const last = complete();
    expect((await last.delivery).status_code).toBe(202);
    const runs = [...sent, last].map(({ run }) => run.id);
    await expect.poll(() => host.trace().length).toBe(2 * runs.length);
    expect(host.trace().map(({ runId }) => runId)).toEqual(runs.flatMap((id) => [id, id]));
  });
});
