import { existsSync, readdirSync, readFileSync } from "node:fs";
import { lockHolder } from "../../app/store/sqlite/lock-holder.ts";
import { workflowRunPayload } from "../simulator/workflow-run-payload.ts";
import { eventually } from "./eventually.ts";
import { holdStore } from "./hold-store.ts";
import type { TestHost } from "./test-host.ts";

/**
 * Stops a process. Tells whether it holds the store's write lock: as soon as it is seen to, since its twin ends it
 * for that after a second, and otherwise once nothing in it moves.
 */
async function stop(host: TestHost, pid: number): Promise<{ inTransaction: boolean }> {
  process.kill(pid, "SIGSTOP");
  // A thread stops when it leaves the kernel, which may take as long as a write to the disk.
  return eventually(async () => {
    const still = threadStates(pid).every((state) => "TZ".includes(state));
    const inTransaction = (await lockHolder(databasePath(host))) === pid;
    if (!still && !inTransaction) throw new Error("not all of its threads have stopped");
    return { inTransaction };
  });
}

/** One letter for each thread (T: stopped), none where the system has no /proc: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function threadStates(pid: number): string[] {
  if (!existsSync("/proc/self/task")) return [];
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
    return stat.charAt(stat.lastIndexOf(")") + 2);
  });
}

/**
 * Stops an instance outside of any write transaction: nobody waits for it, so that its twin does not end it. Meanwhile
 * the test itself holds the lock that a transaction needs. PostgreSQL has no such lock.
 */
export async function freezeOutsideTransaction(host: TestHost, pid: number): Promise<void> {
  const isSqlite = host.env.DATABASE_URL === undefined;
  const release = isSqlite ? await holdStore(host) : async () => {};
  await stop(host, pid);
  await release();
}

/** Sends events to an instance until it was stopped while it held the store's write lock. */
export async function freezeInTransaction(host: TestHost, instance: string, pid: number): Promise<void> {
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
    if ((await lockHolder(databasePath(host))) !== pid) continue;
    try {
      // It may have committed in the moment between the look and the signal, or in the one after it.
      frozen = (await stop(host, pid)).inTransaction && (await stop(host, pid)).inTransaction;
      if (!frozen) process.kill(pid, "SIGCONT");
    } catch (error) {
      // Its twin was faster to see it, and has ended it.
      if (!/ESRCH|ENOENT/.test((error as Error).message)) throw error;
      frozen = true;
    }
  }
  void Promise.allSettled(load);
}

const databasePath = (host: TestHost) => `${host.stateDirectory}/twinhook.db`;
