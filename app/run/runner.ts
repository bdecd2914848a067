/**
 * The main file of a runner: a process that runs deployments, one at a time. It outlives the instance that
 * started it. So the instance may die, or be upgraded, in the middle of a deployment.
 */
import { rehearseBegin } from "../accept/begin-task.ts";
import { systemClock } from "../clock.ts";
import { rehearseClaim } from "../queue/claim/claim.ts";
import { openStore } from "../store/open-store.ts";
import { hostId } from "./host-id.ts";
import { Launcher } from "./launcher.ts";
import type { FromRunner, Job, Preparation, ToRunner } from "./messages.ts";
import { lockDirectory } from "./os-lock.ts";
import { keepFilesPrivate } from "./private-files.ts";
import { identify, type ProcessIdentity } from "./process-identity.ts";
import { type Attempt, runNext, type Workplace } from "./run-next.ts";
import { RunRegistry } from "./run-registry.ts";

keepFilesPrivate(process.env);

let workplace: Promise<Workplace> | undefined;
let next: Promise<Attempt> | undefined;
let busy = false;

process.on("message", (message: ToRunner) => {
  if (message.type === "prepare") {
    // The instance ended while this process was loading.
    if (!process.connected) process.exit(0);
    workplace = prepare(message);
    next = nextAttempt();
    Promise.all([workplace, next]).then(tellReady, fail);
  } else {
    busy = true;
    work(message).catch(fail);
  }
});
process.on("disconnect", () => {
  if (!busy) leave();
});
// Stopping the instance does not stop the deployment. A cancellation is a request in the store.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});

async function prepare({ stateDirectory, instance, store }: Preparation): Promise<Workplace> {
  const opened = await openStore(store, { clock: systemClock, maxConnections: 2, forRunner: true });
  await rehearseClaim(opened);
  if (!opened.can.severalHosts) await rehearseBegin(opened);
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

async function nextAttempt(): Promise<Attempt> {
  const { registry } = await (workplace as Promise<Workplace>);
  const holder = registry.newHolder();
  const runner = identify(process.pid) as ProcessIdentity;
  // Record the runner before it makes any file, so that its files can be removed if it is killed.
  registry.write({ holder, runner, command: null });
  const launcher = await Launcher.begin(registry.outputPipe(holder));
  registry.write({ holder, runner, command: launcher.identity });
  // A runner without its shell is useless; the next job starts a new one.
  void launcher.ended.then(
    () => busy || fail(new Error("the shell that becomes the next command has ended")),
  );
  return { holder, launcher };
}

async function work(job: Job): Promise<void> {
  if (!workplace || !next) throw new Error("a job arrived before the preparation");
  const [place, attempt] = await Promise.all([workplace, next]);
  const result = await runNext(place, job, attempt);
  if (result === "ran") {
    next = nextAttempt();
    next.catch(fail);
  }
  busy = false;
  tell({ type: "idle", result });
  void next.then(tellReady, () => {});
  if (!process.connected) leave();
}

/** Tells the instance that the next job would start at once. */
function tellReady(): void {
  if (!busy) tell({ type: "ready" });
}

function tell(message: FromRunner): void {
  // The instance may be gone; the deployment goes on without it.
  if (process.connected) process.send?.(message, () => {});
}

function fail(error: unknown): void {
  tell({ type: "error", message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  setTimeout(() => process.exit(1), 100);
}

/** Ends a runner that has no job, and removes its files. */
function leave(): void {
  const forget = async () => {
    const [place, attempt] = await Promise.all([workplace, next]);
    attempt?.launcher.dismiss();
    if (attempt) place?.registry.remove(attempt.holder);
    await place?.store.close();
  };
  void forget().finally(() => process.exit(0));
}
