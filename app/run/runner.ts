/**
 * The main file of a runner: a process of its own that runs deployments, one at a time. It outlives the instance
 * that started it, so that the instance may die, or be upgraded, in the middle of a deployment.
 */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { systemClock } from "../clock.ts";
import { rehearseClaim } from "../queue/claim.ts";
import { openStore } from "../store/open-store.ts";
import { hostId } from "./host-id.ts";
import type { FromRunner, Job, Preparation, ToRunner } from "./messages.ts";
import { lockDirectory } from "./os-lock.ts";
import { identify, type ProcessIdentity } from "./process-identity.ts";
import { runNext, type Workplace } from "./run-next.ts";
import { RunRegistry } from "./run-registry.ts";

let workplace: Promise<Workplace> | undefined;
/** The holder of the next job's lease, with the named pipe that its command will write to. */
let next: Promise<string> | undefined;
let busy = false;

process.on("message", (message: ToRunner) => {
  if (message.type === "prepare") {
    // The instance went while this process was being loaded.
    if (!process.connected) process.exit(0);
    workplace = prepare(message);
    next = nextHolder();
    Promise.all([workplace, next]).catch(fail);
  } else {
    busy = true;
    work(message).catch(fail);
  }
});
process.on("disconnect", () => {
  if (!busy) leave();
});
// Whoever stops the instance does not mean the deployment; cancelling it is a request in the store.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});

async function prepare({ stateDirectory, instance, store }: Preparation): Promise<Workplace> {
  const opened = await openStore(store, { clock: systemClock, maxConnections: 2, skipMigrations: true });
  await rehearseClaim(opened);
  return {
    clock: systemClock,
    store: opened,
    registry: new RunRegistry(stateDirectory),
    lockDirectory: lockDirectory(stateDirectory),
    instance,
    host: hostId(stateDirectory),
    tell,
  };
}

async function nextHolder(): Promise<string> {
  const holder = `run_${randomUUID().replaceAll("-", "")}`;
  const { registry } = await (workplace as Promise<Workplace>);
  registry.own(holder, identify(process.pid) as ProcessIdentity);
  await promisify(execFile)("mkfifo", ["-m", "600", registry.outputPipe(holder)]);
  return holder;
}

async function work(job: Job): Promise<void> {
  if (!workplace || !next) throw new Error("a job arrived before the preparation");
  const [place, holder] = await Promise.all([workplace, next]);
  const result = await runNext(place, job, holder);
  if (result === "ran") {
    next = nextHolder();
    next.catch(fail);
  }
  busy = false;
  tell({ type: "idle", result });
  if (!process.connected) leave();
}

function tell(message: FromRunner): void {
  // The instance may be gone; the deployment goes on without it.
  if (process.connected) process.send?.(message, () => {});
}

function fail(error: unknown): void {
  tell({ type: "error", message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  setTimeout(() => process.exit(1), 100);
}

/** Ends a runner that has no work, and leaves nothing of it. */
function leave(): void {
  const forget = async () => {
    const [place, holder] = await Promise.all([workplace, next]);
    if (holder) place?.registry.remove(holder);
    await place?.store.close();
  };
  void forget().finally(() => process.exit(0));
}
