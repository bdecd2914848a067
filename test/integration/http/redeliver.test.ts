import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { parse, stringify } from "yaml";
import type { DeploymentRequestPayload } from "../../../shared/deployment-request.ts";
import { openToRead } from "../../helpers/open-to-read.ts";
import type { StartedInstance } from "../../helpers/process.ts";
import { TestHost } from "../../helpers/test-host.ts";
import { leaveRequest } from "../../simulator/leave-request.ts";
import { startGitHub } from "../../simulator/simulator.ts";

interface Delivery {
  id: string;
  outcome: string;
  reason: string | null;
  deployments: string[];
}

/** An instance whose only target deploys another branch and another environment than all that comes. */
async function setScene() {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  github.addRepository("acme/site");
  const host = await TestHost.create({
    github,
    instances: ["primary"],
    targets: [{ environment: "moon", branches: ["next"] }],
  });
  onTestFinished(() => host.close());
  let instance: StartedInstance | undefined;
  const call = async (method: string, path: string) => {
    const response = await host.admin("primary", method, path);
    return { status: response.status, body: (await response.json()) as Delivery & { detail?: string } };
  };
  return {
    github,
    host,
    redeliver: (id: string) => call("POST", `/api/deliveries/${id}/redeliver`),
    async deliveries(filter = "") {
      const response = await host.admin("primary", "GET", `/api/deliveries?${filter}`);
      return ((await response.json()) as { items: Delivery[] }).items;
    },
    async start() {
      instance = await host.startInProcess("primary");
    },
    /** What a person does who finds that the configuration was wrong. */
    async allowMain() {
      const config = parse(readFileSync(host.configFile, "utf8")) as { targets: object[] };
      const targets = config.targets.map((t) => ({ ...t, environment: "production", branches: ["main"] }));
      const corrected = join(host.directory, "corrected.yml");
      writeFileSync(corrected, stringify({ ...config, targets }));
      await instance?.kill();
      instance = await host.startInProcess("primary", { TWINHOOK_CONFIG: corrected });
    },
  };
}

it("an event that deployed nothing is judged again once the configuration is right, and deploys", async () => {
  const { github, host, redeliver, deliveries, allowMain, start } = await setScene();
  await start();
  const { run, event, guid } = {
    ...github.completeRun({ repository: "acme/site", send: false }),
    guid: "guid-1",
  };
  await host.sendEvent("primary", event, { guid });
  const [delivery] = (await deliveries(`guid=${guid}`)) as [Delivery];
  expect(delivery).toMatchObject({ outcome: "ignored", deployments: [] });

  const inVain = await redeliver(delivery.id);
  expect(inVain).toMatchObject({ status: 202, body: { id: delivery.id, outcome: "ignored" } });
  expect(inVain.body.reason).toMatch(/allows the branch main/);

  await allowMain();
  const again = await redeliver(delivery.id);
  expect(again).toMatchObject({ status: 202, body: { id: delivery.id, outcome: "deployed", reason: null } });
  const [id = ""] = again.body.deployments;
  await host.deployment("primary", id, ({ status, run_id }) => status === "succeeded" && run_id === run.id);
  expect(await deliveries(`guid=${guid}`)).toHaveLength(1);

  const audit = openToRead(join(host.stateDirectory, "twinhook.db"));
  onTestFinished(() => audit.close());
  const rows = audit.prepare("SELECT * FROM audit WHERE action = 'redeliver' ORDER BY id").all();
  expect(rows).toMatchObject([
    { by: "admin token", details: delivery.id, outcome: expect.stringContaining("allows the branch main") },
    { by: "admin token", details: delivery.id, outcome: "deployed" },
  ]);

  const done = await redeliver(delivery.id);
  expect(done.status).toBe(409);
  expect(done.body.detail).toContain(id);
});

it("a request that an Action left at GitHub is judged again, and the App reports on it", async () => {
  const { github, redeliver, deliveries, allowMain, start } = await setScene();
  const { run } = github.completeRun({ repository: "acme/site", send: false });
  const payload: DeploymentRequestPayload = {
    twinhook: {
      repository: "acme/site",
      environment: "production",
      run_id: run.id,
      run_attempt: 1,
      sha: run.head_sha,
      ref: "refs/heads/main",
      workflow: ".github/workflows/ci.yml",
    },
  };
  await leaveRequest(github, { sha: run.head_sha, payload });
  // The first look refuses it.
  await start();
  await github.waitFor(() => github.statuses("acme/site").some(({ state }) => state === "error"));
  // The scan at the start would find the run as well.
  github.faults.add({ kind: "status", status: 503 }, { route: "GET /repos/acme/site/actions/workflows/*" });
  await allowMain();
  const [delivery] = (await deliveries("event=deployment")) as [Delivery];
  expect(delivery).toMatchObject({ outcome: "ignored" });
  const again = await redeliver(delivery.id);
  expect(again).toMatchObject({ status: 202, body: { outcome: "deployed" } });
  await github.waitFor(() => github.statuses("acme/site").some(({ state }) => state === "success"));
  expect(github.deployments("acme/site")).toHaveLength(1);
});

it("what deploys nothing whatever the configuration says is refused, and so is what GitHub has no more", async () => {
  const { github, host, redeliver, deliveries, start } = await setScene();
  await start();
  const begun = github.completeRun({ repository: "acme/site", send: false, action: "in_progress" });
  await host.sendEvent("primary", begun.event, { guid: "begun" });
  await host.sendEvent(
    "primary",
    { action: "created", repository: { full_name: "acme/site" } },
    { event: "deployment", guid: "deployment" },
  );
  for (const guid of ["begun", "deployment"]) {
    const [delivery] = (await deliveries(`guid=${guid}`)) as [Delivery];
    expect((await redeliver(delivery.id)).status).toBe(409);
  }
  const { event } = github.completeRun({ repository: "acme/site", send: false });
  await host.sendEvent("primary", event, { guid: "gone" });
  github.repository("acme/site").runs.length = 0;
  const [gone] = (await deliveries("guid=gone")) as [Delivery];
  expect(await redeliver(gone.id)).toMatchObject({
    status: 409,
    body: { detail: expect.stringMatching(/no longer has/) },
  });
  expect((await redeliver("dlv_none")).status).toBe(404);
});

it("while GitHub is away it is to be tried again later", async () => {
  const { github, host, redeliver, deliveries, allowMain, start } = await setScene();
  await start();
  const { event } = github.completeRun({ repository: "acme/site", send: false });
  await host.sendEvent("primary", event, { guid: "later" });
  await allowMain();
  const [delivery] = (await deliveries("guid=later")) as [Delivery];
  const fault = github.faults.add({ kind: "reset" }, { route: "GET /repos/acme/site/actions/runs/*" });
  expect((await redeliver(delivery.id)).status).toBe(503);
  fault.clear();
  expect(await redeliver(delivery.id)).toMatchObject({ status: 202, body: { outcome: "deployed" } });
});

it("nobody but the admin may ask for it", async () => {
  const { host, start } = await setScene();
  await start();
  const url = host.url("primary", "/api/deliveries/dlv_x/redeliver");
  expect((await fetch(url, { method: "POST" })).status).toBe(401);
  expect((await fetch(url, { method: "POST", headers: { authorization: "Bearer wrong" } })).status).toBe(401);
});
