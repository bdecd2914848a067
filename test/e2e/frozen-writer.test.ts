import { afterEach, expect, it } from "vitest";
import { lockHolder } from "../../app/store/sqlite/lock-holder.ts";
import { awayGitHub } from "../helpers/away-github.ts";
import { workflowRunPayload } from "../helpers/github/workflow-run-payload.ts";
import { TestHost } from "../helpers/test-host.ts";

let host: TestHost;
afterEach(() => host.close());

/** Sends events to an instance until it was stopped while it held the store's write lock. */
async function freezeInTransaction(pid: number): Promise<void> {
  const path = `${host.stateDirectory}/twinhook.db`;
  let frozen = false;
  const load = Array.from({ length: 4 }, async (_, worker) => {
    for (let i = 0; !frozen; i++)
      await host
        .sendEvent("primary", workflowRunPayload({ runId: 1_000_000 * (worker + 1) + i, branch: "other" }), {
          // The requests that the frozen process has taken in are never answered.
          signal: AbortSignal.timeout(5_000),
        })
        .catch(() => {});
  });
  while (!frozen) {
    if ((await lockHolder(path)) !== pid) continue;
    process.kill(pid, "SIGSTOP");
    // It may have committed in the moment between the look and the signal.
    frozen = (await lockHolder(path)) === pid;
    if (!frozen) process.kill(pid, "SIGCONT");
  }
  void Promise.allSettled(load);
}

it("a twin accepts again within 3 s when an instance is frozen inside a write transaction", async () => {
  host = await TestHost.create({ github: awayGitHub() });
  const primary = await host.start("primary");
  const backup = await host.start("backup");
  await freezeInTransaction(primary.pid);
  const since = performance.now();
  const answer = await host.sendEvent("backup", workflowRunPayload({ runId: 60_000_000 }));
  expect(answer.status).toBe(202);
  expect(performance.now() - since).toBeLessThan(3_000);
  await backup.line(({ msg }) => msg?.startsWith("ended a process that was frozen") ?? false);
  expect((await primary.ended).signal).toBe("SIGKILL");
});

it("an instance that is frozen elsewhere, and holds no lock, is left alone by the store", async () => {
  host = await TestHost.create({ github: awayGitHub() });
  const primary = await host.start("primary");
  await host.start("backup");
  process.kill(primary.pid, "SIGSTOP");
  const answer = await host.sendEvent("backup", workflowRunPayload({ runId: 60_000_001 }));
  expect(answer.status).toBe(202);
  process.kill(primary.pid, "SIGCONT");
  expect((await fetch(host.url("primary", "/livez"))).status).toBe(200);
});
