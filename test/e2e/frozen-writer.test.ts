import { afterEach, expect, it } from "vitest";
import { awayGitHub } from "../helpers/away-github.ts";
import { freezeInTransaction, freezeOutsideTransaction } from "../helpers/freeze.ts";
import { TestHost } from "../helpers/test-host.ts";
import { workflowRunPayload } from "../simulator/workflow-run-payload.ts";

let host: TestHost;
afterEach(() => host.close());

it("a twin accepts again when an instance is frozen inside a write transaction, which it ends", async () => {
  host = await TestHost.create({ github: awayGitHub() });
  const primary = await host.start("primary");
  const backup = await host.startInProcess("backup");
  await freezeInTransaction(host, "primary", primary.pid);
  const answer = await host.sendEvent("backup", workflowRunPayload({ runId: 60_000_000 }));
  expect(answer.status).toBe(202);
  await backup.line(({ msg }) => msg?.startsWith("ended a process that was frozen") ?? false);
  expect((await primary.ended).signal).toBe("SIGKILL");
});

it("an instance that is frozen elsewhere, and holds no lock, is left alone by the store", async () => {
  host = await TestHost.create({ github: awayGitHub() });
  const primary = await host.start("primary");
  await host.startInProcess("backup");
  await freezeOutsideTransaction(host, primary.pid);
  const answer = await host.sendEvent("backup", workflowRunPayload({ runId: 60_000_001 }));
  expect(answer.status).toBe(202);
  process.kill(primary.pid, "SIGCONT");
  expect((await fetch(host.url("primary", "/livez"))).status).toBe(200);
});
