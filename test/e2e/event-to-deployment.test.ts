import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, vi } from "vitest";
import { isFinal } from "../../shared/deployment.ts";
import { ENGINES } from "../helpers/stores.ts";
import { deploymentIn, firstLooksAreOver, REPOSITORY, setTwinSceneInProcess, shownAs } from "./twins.ts";

// Most of the time goes into waiting.
vi.setConfig({ maxConcurrency: 2 });

describe.concurrent.each(ENGINES)("from GitHub's event to the end of the deployment, on %s", (engine) => {
  it("a workflow run that succeeded is deployed once, and GitHub shows that it runs and how it ended", async ({
    expect,
  }) => {
    const scene = await setTwinSceneInProcess(engine, {
      targets: [{ environment_url: "https://www.example.com", env: { UNTIL_FILE: "shown" } }],
    });
    const { github, host } = scene;
    await firstLooksAreOver(scene, "primary");
    const sent = github.completeRun({ repository: REPOSITORY });
    const delivery = await sent.delivery;
    expect(delivery.status_code).toBe(202);
    const id = deploymentIn(delivery.response.payload);

    await shownAs(scene, "in_progress");
    writeFileSync(join(host.siteDirectory, "shown"), "");
    const shown = await shownAs(scene, "success");
    expect(shown).toMatchObject({
      task: "twinhook",
      sha: sent.run.head_sha,
      environment: "production",
      payload: { twinhook: { id, run_id: sent.run.id, run_attempt: 1 } },
    });
    // Where it began before GitHub had heard of it, that it was queued is not told.
    const states = shown.statuses.map(({ state }) => state);
    expect(states.filter((state) => state !== "queued")).toEqual(["in_progress", "success"]);
    for (const status of shown.statuses) {
      expect(Object.values(host.urls).map((url) => `${url}/deployments/${id}`)).toContain(status.log_url);
      expect(status.environment_url).toBe("https://www.example.com");
      expect(status.description).not.toBe("");
    }

    // Whichever instance is asked: they share one record.
    for (const instance of ["primary", "backup"])
      expect(await host.deployments(instance)).toEqual([
        expect.objectContaining({
          id,
          status: "succeeded",
          exit_code: 0,
          attempt: 1,
          source: "webhook",
          accepted_by: expect.stringMatching(/^(primary|backup)$/),
          sha: sent.run.head_sha,
        }),
      ]);
    expect(host.trace().map(({ what, deployment }) => [what, deployment])).toEqual([
      ["start", id],
      ["end", id],
    ]);
    const log = await host.admin("backup", "GET", `/api/deployments/${id}/log`);
    expect(await log.text()).toBe(`deploying ${sent.run.head_sha}\n`);
  });

  it("a command that fails is shown at GitHub as a failure, with its exit code", async ({ expect }) => {
    const scene = await setTwinSceneInProcess(engine, { targets: [{ run: ["sh", "-c", "exit 7"] }] });
    const sent = scene.github.completeRun({ repository: REPOSITORY });
    const id = deploymentIn((await sent.delivery).response.payload);
    const ended = await scene.host.deployment("backup", id, ({ status }) => isFinal(status));
    expect(ended).toMatchObject({ status: "failed", exit_code: 7 });
    const shown = await shownAs(scene, "failure");
    expect(shown.statuses.at(-1)?.description).toContain("7");
  });
});
