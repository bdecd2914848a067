import { chmodSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { isFinal } from "../../shared/deployment.ts";
import { awayGitHub } from "../helpers/away-github.ts";
import { TestHost } from "../helpers/test-host.ts";
import { workflowRunPayload } from "../simulator/workflow-run-payload.ts";

vi.setConfig({ testTimeout: 120_000 });

let host: TestHost;
afterEach(() => host.close());

/** Every file of the state folder that another user may do something with. */
const open = () =>
  readdirSync(host.stateDirectory, { recursive: true })
    .map((name) => join(host.stateDirectory, String(name)))
    .filter((path) => (lstatSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077);

async function deployAndListen(instance: string, runId: number) {
  const answer = await host.sendEvent(instance, workflowRunPayload({ runId }));
  const { deployments } = (await answer.json()) as { deployments: { id: string }[] };
  const id = deployments[0]?.id as string;
  const { status } = await host.deployment(instance, id, (deployment) => isFinal(deployment.status));
  expect(status).toBe("succeeded");
  return (await host.admin(instance, "GET", `/api/deployments/${id}/log`)).text();
}

const SCRIPT = "#!/bin/sh\numask\n";
/** The operator's umask. */
const through = ["/bin/sh", "-c", 'umask 0027; exec "$@"', "sh"];

it("every file of the supervisor, its instances and their runners is private; a command has the operator's umask", async () => {
  host = await TestHost.create({ github: awayGitHub(), script: SCRIPT, through, instances: ["primary"] });
  // Without a cache of its own the supervisor makes one in the state folder.
  delete host.env.NODE_COMPILE_CACHE;
  const supervisor = host.spawn([]);
  await supervisor.line(({ msg }) => msg === "listening");
  expect((await deployAndListen("primary", 1)).trim()).toBe("0027");
  expect(open()).toEqual([]);
  expect(readdirSync(host.stateDirectory)).toEqual(
    expect.arrayContaining(["compile-cache", "host-id", "locks", "runs", "twinhook.db", "twinhook.db-wal"]),
  );
  await supervisor.kill("SIGTERM");
});

it("files that others may read are narrowed when an instance starts", async () => {
  host = await TestHost.create({ github: awayGitHub(), script: SCRIPT, instances: ["primary"] });
  const first = await host.start("primary");
  await deployAndListen("primary", 1);
  await first.kill("SIGKILL");
  for (const name of readdirSync(host.stateDirectory, { recursive: true })) {
    const path = join(host.stateDirectory, String(name));
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat) chmodSync(path, stat.isDirectory() ? 0o755 : 0o644);
  }
  expect(open()).not.toEqual([]);
  await host.start("primary");
  expect(open()).toEqual([]);
});
