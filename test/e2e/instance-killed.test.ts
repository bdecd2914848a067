import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { nextInOutbox } from "../../app/outbox/outbox-lease.ts";
import { GITHUB_OUTBOX } from "../../app/queue/claim-announcement.ts";
import { isFinal } from "../../shared/deployment.ts";
import { atTestEnd } from "../helpers/at-test-end.ts";
import { eventually } from "../helpers/eventually.ts";
import { ENGINES, reopen } from "../helpers/stores.ts";
import { deliverRun, REPOSITORY, type Scene, setScene, setTwinScene, shownAs } from "./twins.ts";

// Most of the time goes into waiting.
vi.setConfig({ maxConcurrency: 3 });

/** A command that goes on until something was killed in the middle of it. */
const UNTIL_KILLED = [{ env: { UNTIL_FILE: "killed" } }];

/**
 * Resolves when GitHub has been told that the deployment runs, and this is noted. An instance that dies before
 * holds its word back for as long as its lease lasts, which is 45 s.
 */
async function toldToGitHub(scene: Scene): Promise<void> {
  await shownAs(scene, "in_progress");
  const { DATABASE_URL: url } = scene.host.env;
  const path = join(scene.host.stateDirectory, "twinhook.db");
  const store = await reopen(url ? { engine: "postgres", url } : { engine: "sqlite", path });
  await eventually(async () => expect(await nextInOutbox(store, GITHUB_OUTBOX)).toBeNull());
}

describe.concurrent.each(ENGINES)("an instance that is killed, on %s", (engine) => {
  it("leaves its deployment running: the command starts once, ends, is recorded, and GitHub shows it", async ({
    expect,
  }) => {
    const scene = await setTwinScene(engine, { targets: UNTIL_KILLED });
    const { host } = scene;
    const id = await deliverRun(scene, "primary");
    const { run_by } = await host.deployment("primary", id, ({ started_at }) => started_at !== null);
    await toldToGitHub(scene);
    await expect.poll(() => host.trace()).toHaveLength(1);

    // Either twin may have started it; that one is killed.
    const [victim, witness] = run_by === "primary" ? ["primary", "backup"] : ["backup", "primary"];
    const killedAt = Date.now();
    await scene[victim as "primary" | "backup"].kill("SIGKILL");
    writeFileSync(join(host.siteDirectory, "killed"), "");
    const ended = await host.deployment(witness as string, id, ({ status }) => isFinal(status));

    expect(ended).toMatchObject({
      status: "succeeded",
      exit_code: 0,
      run_by,
      attempt: 1,
      reason: null,
    });
    const [start, end, ...rest] = host.trace();
    expect([start?.what, end?.what, rest]).toEqual(["start", "end", []]);
    expect(start?.at).toBeLessThan(killedAt);
    expect(end?.at).toBeGreaterThan(killedAt);
    const shown = await shownAs(scene, "success");
    // One that it sent, but could not note as sent any more, is sent again; one that was replaced before is not sent.
    const states = new Set(shown.statuses.map(({ state }) => state));
    expect([...states].filter((state) => state !== "queued")).toEqual(["in_progress", "success"]);
  });

  it("even with no twin left: the runner records the result, and GitHub hears of it from the next instance", async ({
    expect,
  }) => {
    const scene = await setScene(engine, { targets: UNTIL_KILLED });
    const { host } = scene;
    const primary = await host.start("primary");
    const id = await deliverRun(scene, "primary");
    await primary.line(({ msg }) => msg === "deployment started");
    await toldToGitHub(scene);
    await primary.kill("SIGKILL");
    writeFileSync(join(host.siteDirectory, "killed"), "");
    await expect.poll(() => host.busyRunners()).toEqual([]);

    await host.start("backup");
    const [recorded] = await host.deployments("backup");
    expect(recorded).toMatchObject({ id, status: "succeeded", run_by: "primary", attempt: 1 });
    expect(host.trace().map(({ what }) => what)).toEqual(["start", "end"]);
    await shownAs(scene, "success");
  });

  it("right after its 2xx has its deployment claimed by the twin", async ({ expect }) => {
    const scene = await setScene(engine);
    const { host } = scene;
    await host.start("backup");
    // Without `mkfifo` in reach it accepts, but never gets a runner ready: the claim is the twin's for sure.
    const primary = await host.start("primary", { PATH: "/nowhere" });
    const id = await deliverRun(scene, "primary");
    await primary.kill("SIGKILL");
    const begun = await host.deployment("backup", id, ({ started_at }) => started_at !== null);
    expect(begun).toMatchObject({ accepted_by: "primary", run_by: "backup", attempt: 1 });
  });
});

it.concurrent("an instance that is killed while a site is asked leaves the verification to its runner", async ({
  expect,
}) => {
  let status = 503;
  const site = createServer((_request, response) => response.writeHead(status).end());
  await once(site.listen(0, "127.0.0.1"), "listening");
  atTestEnd(() => void site.close());
  const url = `http://127.0.0.1:${(site.address() as AddressInfo).port}/`;
  const verify = { url, within: "1h", interval: "100ms" };
  const scene = await setScene("sqlite", { targets: [{ verify }], instances: ["primary"] });
  const { host } = scene;
  const primary = await host.start("primary");
  const id = await deliverRun(scene, "primary");
  await host.deployment("primary", id, (deployment) => deployment.verify?.answer === "503");
  await primary.kill("SIGKILL");
  status = 200;
  await expect.poll(() => host.busyRunners()).toEqual([]);

  await host.startInProcess("primary");
  const [recorded] = await host.deployments("primary");
  expect(recorded).toMatchObject({ id, status: "succeeded", attempt: 1 });
  expect(recorded?.verify).toMatchObject({ url, status: "succeeded", answer: null });
});

describe.concurrent("two twins under the same events", () => {
  it("deploy every run once, one at a time and in order, whichever of them accepts", async ({ expect }) => {
    const { github, host } = await setTwinScene("sqlite");
    const runs = Array.from({ length: 8 }, () => github.completeRun({ repository: REPOSITORY, send: false }));
    // Each event to both twins at once, as in broadcast mode.
    const answers = await Promise.all(
      runs.flatMap(({ event, run }) =>
        ["primary", "backup"].map((instance) => host.sendEvent(instance, event, { guid: `guid-${run.id}` })),
      ),
    );
    expect(answers.every(({ ok }) => ok)).toBe(true);
    const deployments = await host.deployments("backup");
    expect(deployments.map(({ run_id }) => run_id).sort()).toEqual(runs.map(({ run }) => run.id));
    for (const { id } of deployments) await host.deployment("backup", id, ({ status }) => isFinal(status));

    const trace = host.trace();
    const starts = trace.filter(({ what }) => what === "start").map(({ runId }) => runId);
    expect(starts).toEqual([...new Set(starts)].sort());
    expect(trace.map(({ what }) => what)).toEqual(starts.flatMap(() => ["start", "end"]));
    const statuses = (await host.deployments("primary")).map(({ status }) => status);
    expect(statuses.filter((status) => status === "succeeded")).toHaveLength(starts.length);
    expect(statuses.every((status) => status === "succeeded" || status === "superseded")).toBe(true);
  });
});
