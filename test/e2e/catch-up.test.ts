import { describe, it, vi } from "vitest";
import { isFinal } from "../../shared/deployment.ts";
import { ENGINES } from "../helpers/stores.ts";
import { firstLooksAreOver, pointHookTo, REPOSITORY, setScene } from "./twins.ts";

// Most of the time goes into waiting.
vi.setConfig({ maxConcurrency: 2 });

/** How long both are down, by GitHub's clock. */
const OUTAGE_MS = 60_000;
const ONE_DELIVERY = /^\/app\/hook\/deliveries\/\d+$/;

interface Status {
  active: string;
  catch_up: { last_run_at: string | null; found: number; accepted: number };
}

describe.concurrent.each(ENGINES)("after both instances were down, on %s", (engine) => {
  it("the backup alone deploys the 11 of 300 deliveries that matter, once and in order", async ({
    expect,
  }) => {
    const { github, host } = await setScene(engine);
    github.addRepository("acme/other");
    pointHookTo({ github, host }, "primary");
    // Once everything was well: since then the target is watched.
    const before = [await host.startInProcess("primary"), await host.startInProcess("backup")];
    await Promise.all(before.map((instance) => instance.stopWithAll()));

    const matter: number[] = [];
    const sent: Promise<unknown>[] = [];
    const run = (given: Parameters<typeof github.completeRun>[0]) => {
      const { done, run } = github.completeRun(given);
      if (given.send !== false) sent.push(done);
      return run.id;
    };
    for (let i = 0; i < 11; i++) {
      github.clock.advance(OUTAGE_MS / 11);
      // The sixth event is never sent at all.
      matter.push(run({ repository: REPOSITORY, send: i !== 5 }));
      for (let j = 0; j < 2; j++) {
        run({ repository: REPOSITORY, action: "requested" });
        run({ repository: REPOSITORY, action: "in_progress" });
        sent.push(github.send("push", { ref: "refs/heads/main", repository: {} }).done);
        sent.push(github.send("check_run", { action: "completed", repository: {} }).done);
        for (let k = 0; k < 7; k++) sent.push(github.send("status", { state: "success" }).done);
      }
      run({ repository: REPOSITORY, conclusion: "failure" });
      run({ repository: REPOSITORY, branch: "next" });
      run({ repository: REPOSITORY, fork: true, branch: "main" });
      run({ repository: "acme/other" });
    }
    await Promise.all(sent);
    const again = github.deliveries.filter(
      ({ event, action }) => event === "workflow_run" && action === "completed",
    );
    await Promise.all(again.slice(0, 300 - github.deliveries.length).map(({ id }) => github.redeliver(id)));
    expect(github.deliveries).toHaveLength(300);

    const backup = await host.startInProcess("backup");
    await expect
      .poll(() => host.trace().filter(({ what }) => what === "end").length, { interval: 100 })
      .toBe(11);
    expect(host.trace().map(({ what, runId }) => `${what} ${runId}`)).toEqual(
      matter.flatMap((id) => [`start ${id}`, `end ${id}`]),
    );
    const deployments = await host.deployments("backup");
    expect(deployments.map(({ run_id }) => run_id)).toEqual(matter);
    const sources = deployments.map(({ source }) => source);
    expect(sources.filter((source) => source === "reconcile")).toEqual(["reconcile"]);
    expect(sources.filter((source) => source === "catch_up")).toHaveLength(10);

    // 10 that matter and 44 that turn out not to, of 300 rows.
    const fetched = github.requests.filter(({ path }) => ONE_DELIVERY.test(path));
    expect(fetched).toHaveLength(54);
    // 300 rows are three pages, and a fourth where the log grew meanwhile; how often it is listed depends on
    // how long the instance takes.
    const pages = github.requests.filter(({ path }) => path === "/app/hook/deliveries");
    const listings = pages.filter(({ query }) => query.cursor === undefined);
    expect(pages.length).toBeLessThanOrEqual(4 * listings.length);
    const status = (await (await host.admin("backup", "GET", "/api/status")).json()) as Status;
    expect(status.catch_up).toMatchObject({ last_run_at: expect.any(String), found: 11, accepted: 11 });
    await backup.kill();
  });
});

describe.concurrent("a fresh installation", () => {
  it("deploys none of the months of runs that it finds at GitHub, and the next one", async ({ expect }) => {
    const { github, host } = await setScene("sqlite");
    const hour = 60 * 60_000;
    const now = github.clock.now();
    for (let hours = 2_000; hours > 0; hours -= 5) {
      const at = now - hours * hour;
      github.completeRun({
        repository: REPOSITORY,
        send: false,
        createdAt: at,
        startedAt: at,
        updatedAt: at,
      });
    }
    await Promise.all(Array.from({ length: 20 }, () => github.completeRun({ repository: REPOSITORY }).done));
    // GitHub tells whole seconds, and the answer's way counts: the start is known to a few seconds only.
    github.clock.advance(60_000);
    await host.startInProcess("primary");
    await firstLooksAreOver({ github, host }, "primary");
    expect(await host.deployments("primary")).toEqual([]);
    expect(github.requests.filter(({ path }) => ONE_DELIVERY.test(path))).toEqual([]);

    await github.waitFor(() => github.hook.config.url.startsWith(host.url("primary")));
    const { run, delivery } = github.completeRun({ repository: REPOSITORY });
    expect((await delivery).status_code).toBe(202);
    const [only, ...others] = await host.deployments("primary");
    expect([only?.run_id, others]).toEqual([run.id, []]);
    await host.deployment("primary", only?.id ?? "", ({ status }) => isFinal(status));
  });
});
