import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { isFinal } from "../../../shared/deployment.ts";
import { firstLooksAreOver, pointHookTo, type Scene, setSceneWhileDown } from "../../e2e/twins.ts";
import { eventually } from "../../helpers/eventually.ts";
import type { SentRun } from "../../simulator/complete-run.ts";
import { leaveRequest } from "../../simulator/leave-request.ts";

const REF = "refs/tags/v1.2.3";
const DEPLOY = ".github/workflows/deploy.yml";
const TARGET = {
  refs: ["refs/tags/v*"],
  events: ["push", "release"],
  run: ["sh", "-c", 'printf %s "$TWINHOOK_REF" > ref'],
  action: { secret_env: "SITE_DELIVERY_SECRET", workflows: [DEPLOY] },
};

/** The run of the tag v1.2.3. */
function tagRun({ github }: Scene, { send = false, event = "push" } = {}): SentRun {
  return github.completeRun({ repository: "acme/site", branch: "v1.2.3", tag: true, event, send });
}

/** The request of a job of the tag's run, or of a workflow that this run started. */
function requestFor({ run }: SentRun, own: boolean) {
  return {
    repository: "acme/site",
    environment: "production",
    run_id: run.id,
    run_attempt: 1,
    via: { run_id: own ? run.id : run.id + 5, run_attempt: 1 },
    sha: run.head_sha,
    // The Action knows only the name of another run's ref, and takes it for a branch's.
    ref: own ? REF : "refs/heads/v1.2.3",
    workflow: DEPLOY,
  };
}

type Way = (scene: Scene, start: () => Promise<unknown>) => Promise<SentRun>;

const WAYS: Record<string, Way> = {
  "the event of a pushed tag": async (scene, start) => {
    await start();
    return tagRun(scene, { send: true });
  },
  "the event of a release": async (scene, start) => {
    await start();
    return tagRun(scene, { send: true, event: "release" });
  },
  "catch-up": async (scene, start) => {
    const sent = tagRun(scene, { send: true });
    await sent.done;
    await start();
    return sent;
  },
  reconcile: async (scene, start) => {
    const sent = tagRun(scene);
    await start();
    return sent;
  },
  "an Action with the token of the tag's job": async (scene, start) => {
    await start();
    await firstLooksAreOver(scene, "primary");
    const sent = tagRun(scene);
    const body = requestFor(sent, true);
    const { run_id, sha } = body;
    const claims = { aud: "twinhook", repository: "acme/site", run_id, run_attempt: 1, workflow: DEPLOY };
    const token = scene.github.oidc.token({ ...claims, ref: REF, sha, event_name: "push" });
    const answer = await fetch(scene.host.url("primary", "/api/deployments"), {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
    expect(answer.status, await answer.text()).toBe(202);
    return sent;
  },
  "a signed request of a workflow that the tag's run started": async (scene, start) => {
    await start();
    await firstLooksAreOver(scene, "primary");
    const sent = tagRun(scene);
    const answer = await scene.host.request("primary", requestFor(sent, false));
    expect(answer.status, await answer.text()).toBe(202);
    return sent;
  },
  "a request that an Action parked at GitHub": async (scene, start) => {
    const sent = tagRun(scene);
    const payload = { twinhook: requestFor(sent, false) };
    await leaveRequest(scene.github, { sha: sent.run.head_sha, payload });
    await start();
    return sent;
  },
};

it.each(Object.entries(WAYS))("a tag deploys once, with its true ref, by %s", async (_way, arrive) => {
  const scene = await setSceneWhileDown("sqlite", { instances: ["primary"], targets: [TARGET] });
  const { host } = scene;
  pointHookTo(scene, "primary");
  const sent = await arrive(scene, () => host.startInProcess("primary"));
  const id = await eventually(async () => {
    const [deployment] = await host.deployments("primary");
    expect(deployment).toBeDefined();
    return deployment?.id ?? "";
  });
  // Whichever way was first, its event adds nothing.
  expect((await host.sendEvent("primary", sent.event)).status).toBeLessThan(300);
  expect(await host.deployment("primary", id, ({ status }) => isFinal(status))).toMatchObject({
    status: "succeeded",
    ref: REF,
    sha: sent.run.head_sha,
  });
  expect(readFileSync(join(host.siteDirectory, "ref"), "utf8")).toBe(REF);
  expect(await host.deployments("primary")).toHaveLength(1);
});
