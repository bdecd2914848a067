import { setTimeout as sleep } from "node:timers/promises";
import { lockHolder } from "../../app/store/sqlite/lock-holder.ts";
import { workflowRunPayload } from "./github/workflow-run-payload.ts";
import type { TestHost } from "./test-host.ts";

const SETTLE_MS = 20;

/** Sends events to an instance until it was stopped while it held the store's write lock. */
export async function freezeInTransaction(host: TestHost, instance: string, pid: number): Promise<void> {
  const path = `${host.stateDirectory}/twinhook.db`;
  let frozen = false;
  const load = Array.from({ length: 4 }, async (_, worker) => {
    for (let i = 0; !frozen; i++)
      await host
        .sendEvent(instance, workflowRunPayload({ runId: 1_000_000 * (worker + 1) + i, branch: "other" }), {
          // The requests that the frozen process has taken in are never answered.
          signal: AbortSignal.timeout(5_000),
        })
        .catch(() => {});
  });
  while (!frozen) {
    if ((await lockHolder(path)) !== pid) continue;
    process.kill(pid, "SIGSTOP");
    // It may have committed in the moment between the look and the signal; a thread stops when it leaves the kernel.
    await sleep(SETTLE_MS);
    frozen = (await lockHolder(path)) === pid;
    if (!frozen) process.kill(pid, "SIGCONT");
  }
  void Promise.allSettled(load);
}
