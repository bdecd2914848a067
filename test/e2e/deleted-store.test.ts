import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { isFinal } from "../../shared/deployment.ts";
import { awayGitHub } from "../helpers/away-github.ts";
import { freezeOutsideTransaction } from "../helpers/freeze.ts";
import { TestHost } from "../helpers/test-host.ts";
import { workflowRunPayload } from "../simulator/workflow-run-payload.ts";

let host: TestHost;
afterEach(() => host.close());

const storeFile = () => join(host.stateDirectory, "twinhook.db");
const removeStore = () => {
  for (const ending of ["", "-wal", "-shm"]) rmSync(storeFile() + ending, { force: true });
};

/** Sends the event of a run until an instance accepts it; tells how often it was refused. */
async function deliver(instance: string, runId: number): Promise<{ deployment: string; refused: string[] }> {
  const refused: string[] = [];
  for (;;) {
    const answer = await host.sendEvent(instance, workflowRunPayload({ runId }), { guid: `guid-${runId}` });
    const body = (await answer.json()) as { deployments: { id: string }[]; detail: string };
    if (answer.ok) return { deployment: body.deployments[0]?.id as string, refused };
    expect(answer.status).toBe(503);
    refused.push(body.detail);
  }
}

it("nothing that was accepted is lost when the store's files are deleted under two instances and a command", async () => {
  host = await TestHost.create({ github: awayGitHub(), targets: [{ env: { UNTIL_FILE: "go on" } }] });
  const [primary, backup] = await Promise.all([host.start("primary"), host.start("backup")]);
  const ids = [(await deliver("primary", 1)).deployment];
  await host.deployment("primary", ids[0] as string, ({ started_at }) => started_at !== null);

  removeStore();
  for (let runId = 2; runId <= 9; runId++)
    ids.push((await deliver(runId % 2 ? "primary" : "backup", runId)).deployment);
  const told = "the store's file was deleted while it was in use";
  await Promise.any([primary, backup].map((one) => one.line(({ msg }) => msg?.startsWith(told) ?? false)));
  writeFileSync(join(host.siteDirectory, "go on"), "");
  for (const id of ids) {
    const ended = await host.deployment("backup", id, ({ status }) => isFinal(status));
    expect(ended).toMatchObject({ status: "succeeded", attempt: 1 });
  }

  await Promise.all([primary.kill("SIGKILL"), backup.kill("SIGKILL")]);
  await host.start("primary");
  expect((await host.deployments("primary")).map(({ id, status }) => [id, status])).toEqual(
    ids.map((id) => [id, "succeeded"]),
  );
  expect(host.trace().map(({ what, runId }) => `${what} ${runId}`)).toEqual(
    ids.flatMap((_, index) => [`start ${index + 1}`, `end ${index + 1}`]),
  );
});

it("an instance begins no store anew while a process has the deleted one open, and says which", async () => {
  host = await TestHost.create({ github: awayGitHub() });
  const primary = await host.start("primary");
  const { deployment } = await deliver("primary", 1);
  await host.deployment("primary", deployment, ({ status }) => isFinal(status));
  await freezeOutsideTransaction(host, primary.pid);
  removeStore();

  const backup = host.spawn(["--instance", "backup"]);
  await backup.line(({ msg }) => /was deleted or replaced, but process \d+ has it open/.test(msg ?? ""));
  expect(existsSync(storeFile())).toBe(false);

  process.kill(primary.pid, "SIGCONT");
  await backup.line(({ msg }) => msg === "listening");
  expect(existsSync(storeFile())).toBe(true);
  expect((await host.deployments("backup")).map(({ id }) => id)).toEqual([deployment]);
});

it("an instance refuses events and readiness while another file stands in its store's place", async () => {
  host = await TestHost.create({ github: awayGitHub(), instances: ["primary"] });
  await host.start("primary");
  const { deployment } = await deliver("primary", 1);
  // At once: an instance that finds no file puts its own back, and that one would be written over.
  writeFileSync(`${storeFile()}.new`, "a wrong restore");
  renameSync(`${storeFile()}.new`, storeFile());
  for (const ending of ["-wal", "-shm"]) rmSync(storeFile() + ending);
  const ready = async () => (await fetch(host.url("primary", "/readyz"))).status;
  await expect.poll(ready).toBe(503);
  const answer = await host.sendEvent("primary", workflowRunPayload({ runId: 2 }));
  expect(answer.status).toBe(503);
  expect(answer.headers.get("retry-after")).not.toBeNull();
  expect(await answer.text()).toMatch(/twinhook\.db is another file than the one that is open/);

  rmSync(storeFile());
  await expect.poll(ready).toBe(200);
  expect((await host.deployments("primary")).map(({ id }) => id)).toEqual([deployment]);
});
