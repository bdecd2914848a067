import { afterAll, describe, expect, it } from "vitest";
import type { Deployment } from "../../../shared/deployment.ts";
import {
  accessibilityProblems,
  closeBrowser,
  DESKTOP,
  overflow,
  PHONE,
  screenshot,
} from "../../helpers/browser.ts";
import { ENGINES } from "../../helpers/stores.ts";
import { workflowRunPayload } from "../../simulator/workflow-run-payload.ts";
import { setDashboardScene } from "./dashboard-scene.ts";

const ESC = "\u001b";

afterAll(closeBrowser);

const MARKUP = `"><img/src=x/onerror=alert(1)><script>alert(2)</script>'`;
const HOSTILE = {
  branch: `${MARKUP}/${"long".repeat(50)}`.replaceAll(" ", ""),
  commitMessage: `${MARKUP}\u202e ${"title".repeat(60)}\n\n${MARKUP}`,
  actor: `${MARKUP}\u202e${"wide".repeat(5)}`,
  payload: { [MARKUP]: `</pre>${MARKUP}${"x".repeat(2_000)}` },
  output: [
    MARKUP,
    `${ESC}]8;;javascript:alert(3)${ESC}\\click${ESC}]8;;${ESC}\\`,
    `${ESC}[38;2;255;0;0m<style>*{display:none}</style>${ESC}[0m`,
    `${ESC}[2J${ESC}[1;1H\u202e\u0000\u0007`,
    "w".repeat(5_000),
    "</pre></section></main><h1>not ours</h1>",
  ].join("\n"),
};

describe.each(ENGINES)("hostile text, with the store on %s", (engine) => {
  it("in branches, commit messages, names, payloads and logs runs nowhere, loads nothing and breaks no page", async () => {
    const scene = await setDashboardScene(
      engine,
      { targets: [{ branches: ["main", HOSTILE.branch] }] },
      { inProcess: "all" },
    );
    const { host } = scene;
    const answer = await host.request("primary", {
      repository: "acme/site",
      environment: "production",
      run_id: 30433642,
      run_attempt: 1,
      sha: "a".repeat(40),
      ref: `refs/heads/${HOSTILE.branch}`,
      workflow: ".github/workflows/ci.yml",
      actor: HOSTILE.actor,
      payload: HOSTILE.payload,
    });
    expect(answer.status).toBe(202);
    const { id } = (await answer.json()) as Deployment;
    // The event of the same run tells what the commit is about.
    const told = workflowRunPayload({
      runId: 30433642,
      sha: "a".repeat(40),
      branch: HOSTILE.branch,
      commitMessage: HOSTILE.commitMessage,
    });
    expect(await (await host.sendEvent("backup", told)).json()).toMatchObject({ outcome: "duplicate" });
    // A branch that no target allows: the reason why it was ignored quotes it.
    const { event } = scene.failover.github.completeRun({
      repository: "acme/site",
      branch: `not-${HOSTILE.branch}`,
      send: false,
    });
    const ignored = (await (await host.sendEvent("backup", event)).json()) as { delivery: string };

    const { page, trouble } = await scene.open("primary", `/deployments/${id}`);
    await page.locator("#log").getByText("deploying").waitFor();
    scene.say(HOSTILE.output);
    // It comes over the socket first, and within the page when that is loaded.
    await page.locator("#log").getByText("not ours").waitFor();
    for (const viewport of [PHONE, DESKTOP]) {
      await page.setViewportSize(viewport);
      for (const path of [
        `/deployments/${id}`,
        "/",
        "/deployments",
        "/deliveries",
        `/deliveries/${ignored.delivery}`,
      ]) {
        await page.goto(host.url("primary", path));
        await page.locator('#live[data-state="live"]').waitFor();
        expect([path, await overflow(page)]).toEqual([path, 0]);
        expect([path, await page.locator("h1").count()]).toEqual([path, 1]);
        expect([
          path,
          await page.locator("main img, main script, main style, main [onerror]").count(),
        ]).toEqual([path, 0]);
      }
    }
    await page.goto(host.url("primary", `/deployments/${id}`));
    expect(await page.locator(".page-head .commit-title").innerText()).toContain(MARKUP);
    expect(await page.locator("#log a").count()).toBe(0);
    expect(await accessibilityProblems(page)).toEqual([]);
    await screenshot(page, `hostile-${engine}`);
    for (const path of [
      `/deployments?q=${encodeURIComponent(MARKUP)}&status=${encodeURIComponent(MARKUP)}`,
      `/deliveries?q=${encodeURIComponent(MARKUP)}`,
    ]) {
      await page.goto(host.url("primary", path));
      await page.getByText("matches").waitFor();
    }
    expect(trouble).toEqual([]);
    scene.end();
  });
});
