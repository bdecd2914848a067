import { describe, it, vi } from "vitest";
import { WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import { ENGINES } from "../helpers/stores.ts";
import { firstLooksAreOver, REPOSITORY, type Scene, setScene } from "./twins.ts";

// Most of the time goes into waiting.
vi.setConfig({ maxConcurrency: 2 });

/** Resolves when both twins have a webhook of their own in the repository. */
function bothHaveHooks({ github, host }: Scene) {
  const wanted = ["backup", "primary"].map((name) => host.url(name, WEBHOOK_PATH)).toSorted();
  const urls = () => github.repository(REPOSITORY).hooks.map(({ config }) => config.url);
  return github.waitFor(() => urls().toSorted().join() === wanted.join());
}

describe.concurrent.each(ENGINES)("in broadcast mode, on %s", (engine) => {
  it("both twins get every event from GitHub itself, and it is deployed once, also when one is dead", async ({
    expect,
  }) => {
    const scene = await setScene(engine, { config: { webhook: { mode: "broadcast" } } });
    const { github, host } = scene;
    const [primary] = await Promise.all([host.start("primary"), host.startInProcess("backup")]);
    await bothHaveHooks(scene);
    const appUrl = host.url("primary", WEBHOOK_PATH);
    await github.waitFor(() => github.hook.config.url === appUrl);

    await firstLooksAreOver(scene, "primary");
    const first = github.completeRun({ repository: REPOSITORY });
    const deliveries = await first.done;
    expect(new Set(deliveries.map(({ guid }) => guid))).toEqual(new Set([first.guid]));
    const ways = deliveries.map(({ hook, url, status_code }) => [hook.kind, url, status_code < 300]);
    expect(ways).toHaveLength(3);
    expect(ways).toContainEqual(["app", appUrl, true]);
    for (const name of ["primary", "backup"])
      expect(ways).toContainEqual(["repository", host.url(name, WEBHOOK_PATH), true]);
    // A repository's webhook does not say which installation it is about.
    const bare = deliveries.filter(({ hook }) => hook.kind === "repository");
    expect(bare.map(({ request }) => "installation" in request.payload)).toEqual([false, false]);

    await primary.kill("SIGKILL");
    const second = github.completeRun({ repository: REPOSITORY });
    const atBackup = (await second.done).find(({ url }) => url === host.url("backup", WEBHOOK_PATH));
    // No switch of the URL was waited for, and nothing was caught up.
    expect(atBackup?.status).toBe("OK");

    const deployments = await expect
      .poll(() => host.deployments("backup"), { interval: 250 })
      .toSatisfy(
        (all: { status: string }[]) => all.length === 2 && all.every((d) => d.status === "succeeded"),
      )
      .then(() => host.deployments("backup"));
    expect(deployments.map(({ run_id, source }) => [run_id, source])).toEqual([
      [first.run.id, "webhook"],
      [second.run.id, "webhook"],
    ]);
    const starts = host.trace().filter(({ what }) => what === "start");
    expect(starts.map(({ runId }) => runId)).toEqual([first.run.id, second.run.id]);
  });
});
