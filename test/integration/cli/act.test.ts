import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCommand } from "../../../app/cli/program.ts";
import type { StatusAnswer } from "../../../app/reads/answers/status.ts";
import type { Deployment } from "../../../shared/deployment.ts";
import { eventually } from "../../helpers/eventually.ts";
import { setScene } from "./scene.ts";

/** Fails while there is a file `broken`, and goes on while there is a file `busy`. */
const SCRIPT = `#!/bin/sh
while [ -e busy ]; do sleep 0.05; done
[ ! -e broken ]
`;

async function withDeployment(...files: string[]) {
  const scene = await setScene({ script: SCRIPT });
  const file = (name: string) => join(scene.host.siteDirectory, name);
  for (const name of files) writeFileSync(file(name), "");
  await scene.host.startInProcess("primary");
  const { id } = await scene.deploy();
  return { ...scene, id, remove: (name: string) => rmSync(file(name)), file };
}

test("retry ends with 0 once the deployment has succeeded", async () => {
  const { host, json, id, remove } = await withDeployment("broken");
  await host.deployment("primary", id, ({ status }) => status === "failed");
  remove("broken");
  expect(await json<Deployment>("retry", id)).toMatchObject({ id, status: "succeeded", attempt: 2 });
});

test("retry ends with 1 once the deployment has failed again, and says why", async () => {
  const { host, twinhook, id } = await withDeployment("broken");
  await host.deployment("primary", id, ({ status }) => status === "failed");
  const { code, out } = await twinhook(["retry", id]);
  expect(code).toBe(1);
  expect(out).toMatch(new RegExp(`^${id}\\tfailed\\t.*\\t2\\t`));
});

test("retry of a deployment that succeeded ends with 1", async () => {
  const { host, twinhook, id } = await withDeployment();
  await host.deployment("primary", id, ({ status }) => status === "succeeded");
  const { code, err } = await twinhook(["retry", id]);
  expect(code).toBe(1);
  expect(err).toMatch(/^twinhook: ./);
});

test("cancel ends with 0 once the deployment has ended", async () => {
  const { host, json, id } = await withDeployment("busy");
  await host.deployment("primary", id, ({ status }) => status === "running");
  expect(await json<Deployment>("cancel", id)).toMatchObject({ id, status: "cancelled" });
});

test("Ctrl-C ends the waiting, not the deployment, and says how to follow it", async () => {
  const { host, terminal, id, remove, file } = await withDeployment("broken");
  await host.deployment("primary", id, ({ status }) => status === "failed");
  writeFileSync(file("busy"), "");
  remove("broken");
  const shown = terminal();
  shown.interruptAt("attempt 2");
  expect(await runCommand(["retry", id], shown)).toBe(130);
  expect(shown.err).toContain(`twinhook log ${id} -f`);
  remove("busy");
  await host.deployment("primary", id, ({ status }) => status === "succeeded");
  expect(existsSync(file("busy"))).toBe(false);
});

test("redeliver shows what became of the delivery", async () => {
  const { github, host, json } = await setScene({ targets: [{ branches: ["next"] }] });
  await host.startInProcess("primary");
  await host.sendEvent("primary", github.completeRun({ repository: "acme/site", send: false }).event);
  const { items } = await json<{ items: { id: string }[] }>("deliveries");
  const id = items[0]?.id ?? "";
  expect(await json("redeliver", id)).toMatchObject({ id, outcome: "ignored", deployments: [] });
});

test("switchover ends once GitHub delivers to the instance, and --end once none is pinned", async () => {
  const { github, host, json } = await setScene();
  await Promise.all([host.startInProcess("primary"), host.startInProcess("backup")]);
  await eventually(async () => {
    const answer = await host.admin("primary", "GET", "/api/status");
    const { endpoints, active } = (await answer.json()) as StatusAnswer;
    expect([active, ...endpoints.map(({ status }) => status)]).toEqual(["primary", "healthy", "healthy"]);
  });
  expect(await json("switchover", "backup", "--reason", "a new disk")).toMatchObject({
    active: "backup",
    pinned: "backup",
    webhook: { in_sync: true },
  });
  expect(github.hook.config.url).toContain(host.url("backup"));
  expect(await json("switchover", "--end")).toMatchObject({ pinned: null });
});
