/**
 * A runner: a process of its own that claims one deployment, runs its command and records how it ended. It
 * outlives the instance that started it, so that an instance may die, or be upgraded, in the middle.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { execa } from "execa";
import pRetry from "p-retry";
import { repositoryKey } from "../accept/arrival.ts";
import { systemClock } from "../clock.ts";
import { claim, type DeploymentRecord } from "../queue/claim.ts";
import { finish } from "../queue/finish.ts";
import { interrupt } from "../queue/interrupt.ts";
import { type Lease, LeaseLostError } from "../queue/lease.ts";
import { renew } from "../queue/renew.ts";
import { StoreUnavailableError } from "../store/errors.ts";
import { openStore } from "../store/open-store.ts";
import { type Execution, execute } from "./execute.ts";
import { hostId } from "./host-id.ts";
import { endLeftovers } from "./interrupted.ts";
import { lockNames } from "./lock-names.ts";
import type { FromRunner, Job, Preparation, ToRunner } from "./messages.ts";
import { type OsLock, tryAcquireAll } from "./os-lock.ts";
import { OutputLog } from "./output-log.ts";
import { identify, type ProcessIdentity } from "./process-identity.ts";
import { RunRegistry } from "./run-registry.ts";

/** A third of the lease. */
const RENEW_MS = 10_000;
/** On PostgreSQL a command is ended this long after the last renewal, well before another host may take over. */
const LEASE_LOST_MS = 15_000;
/** How often a runner that cannot renew tries again. */
const RENEW_RETRY_MS = 1_000;

const clock = systemClock;
const holder = `run_${randomUUID().replaceAll("-", "")}`;
let prepared: ReturnType<typeof prepare> | undefined;
let busy = false;

function tell(message: FromRunner): void {
  // The instance may be gone; the deployment goes on without it.
  if (process.connected) process.send?.(message, () => {});
}

process.on("message", (message: ToRunner) => {
  if (message.type === "prepare") {
    prepared = prepare(message);
    prepared.catch(fail);
  } else {
    busy = true;
    work(message).catch(fail);
  }
});
process.on("disconnect", () => {
  if (!busy) leave();
});
// Whoever stops the instance does not mean the deployment; cancelling is a request in the store.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});

function fail(error: unknown): void {
  tell({ type: "error", message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  setTimeout(() => process.exit(1), 100);
}

async function prepare(message: Preparation) {
  const registry = new RunRegistry(message.stateDirectory);
  await execa("mkfifo", ["-m", "600", registry.outputPipe(holder)]);
  const store = await openStore(message.store, { clock, maxConnections: 2, skipMigrations: true });
  return {
    store,
    registry,
    instance: message.instance,
    lockDirectory: join(message.stateDirectory, "locks"),
    host: hostId(message.stateDirectory),
  };
}

async function work(job: Job): Promise<void> {
  if (!prepared) throw new Error("a job arrived before the preparation");
  const context = await prepared;
  const { store, registry, host } = context;
  const { target } = job;
  const locks = tryAcquireAll(context.lockDirectory, lockNames(target));
  if (!locks) return idle("locked");

  // Noted before the claim, so that whoever finds the claim finds the process.
  registry.write({ holder, runner: identify(process.pid) as ProcessIdentity, command: null });
  const request = {
    repositoryKey: repositoryKey(target.repository),
    target: target.name,
    queue: target.queue,
    lock: target.lock,
    holder,
    instance: context.instance,
    host,
  };
  let claimed = await untilAvailable(() => claim(store, request));
  if (claimed.kind === "occupied" && (await clearAway(claimed.by)))
    claimed = await untilAvailable(() => claim(store, request));
  if (claimed.kind !== "claimed") {
    registry.forgetProcesses(holder);
    release(locks);
    return idle(claimed.kind === "nothing" ? "nothing" : "occupied");
  }
  await run(claimed.deployment);
  registry.remove(holder);
  release(locks);
  await store.close();
  process.exit(0);

  /** Takes a deployment from a runner that is gone. Holding the target's lock proves that, on this host. */
  async function clearAway(by: DeploymentRecord): Promise<boolean> {
    if (by.repository_key !== request.repositoryKey || by.target !== request.target) return false;
    const local = by.host === host;
    if (!local && (by.lease_until ?? 0) > (await store.write((trx) => store.now(trx)))) return false;
    if (local) await endLeftovers(registry, by.holder ?? "", by.id, clock);
    const detail = local ? "its runner process ended" : `host ${by.host} stopped renewing its lease`;
    await untilAvailable(() => interrupt(store, by, target.on_interrupt, detail));
    return true;
  }

  async function run(deployment: DeploymentRecord): Promise<void> {
    const lease: Lease = { deploymentId: deployment.id, holder, token: deployment.token };
    const log = new OutputLog({ store, clock, deployment, pipe: registry.outputPipe(holder) });
    let execution: Execution;
    try {
      execution = execute({ deployment, target, inherited: job.inherited, registry, holder, clock, log });
    } catch (error) {
      const reason = `the command could not be started: ${(error as Error).message}`;
      await record(lease, () => finish(store, lease, { status: "failed", exitCode: null, reason }));
      return;
    }
    tell({ type: "started", deploymentId: deployment.id, attempt: deployment.attempt });
    const stop = keepLease(lease, execution);
    const ending = await execution.result;
    stop();
    await log.settle();
    await untilAvailable(() => log.store());
    await record(lease, () =>
      ending.endedBy === "lease_lost"
        ? interrupt(
            store,
            { ...deployment, cancel_requested_at: null },
            target.on_interrupt,
            ending.reason ?? "",
          )
        : finish(store, lease, ending),
    );
    tell({ type: "finished", deploymentId: deployment.id, status: ending.status });
  }

  /** Renews the lease, and watches for a request to cancel, until the returned function is called. */
  function keepLease(lease: Lease, execution: Execution): () => void {
    const across = store.engine === "postgres";
    let renewedAt = clock.monotonic();
    let timer: NodeJS.Timeout | undefined;
    let stopped = false;
    const tick = async () => {
      let next = RENEW_MS;
      try {
        const { cancelRequested } = await renew(store, lease);
        renewedAt = clock.monotonic();
        if (cancelRequested) execution.end("cancel");
      } catch (error) {
        next = RENEW_RETRY_MS;
        const lost = error instanceof LeaseLostError || clock.monotonic() - renewedAt > LEASE_LOST_MS;
        // On one host the lock of the operating system protects the command, whatever became of the lease.
        if (across && lost) execution.end("lease_lost");
      }
      if (!stopped) timer = setTimeout(() => void tick(), next);
    };
    timer = setTimeout(() => void tick(), RENEW_MS);
    const watch = async () => {
      const row = await store.read
        .selectFrom("deployments")
        .select("cancel_requested_at")
        .where("id", "=", lease.deploymentId)
        .executeTakeFirst();
      if (row?.cancel_requested_at) execution.end("cancel");
    };
    // A store that cannot be read now will be at the next change, or at the next renewal.
    const look = () => void watch().catch(() => {});
    const unwatch = store.onChange(look);
    look();
    return () => {
      stopped = true;
      clearTimeout(timer);
      unwatch();
    };
  }
}

function idle(because: "nothing" | "occupied" | "locked"): void {
  busy = false;
  tell({ type: "idle", because });
  if (!process.connected) leave();
}

/** Ends a runner that has no work, and leaves nothing of it. */
function leave(): void {
  const forget = prepared?.then(({ registry }) => registry.remove(holder));
  void Promise.resolve(forget).finally(() => process.exit(0));
}

function release(locks: readonly OsLock[]): void {
  for (const lock of locks) lock.release();
}

/** Records an ending; a lease that was lost meanwhile leaves the decision to its new holder. */
async function record(lease: Lease, write: () => Promise<unknown>): Promise<void> {
  try {
    await untilAvailable(write);
  } catch (error) {
    if (!(error instanceof LeaseLostError)) throw error;
    tell({ type: "error", message: `${error.message}: the result of ${lease.deploymentId} is not recorded` });
  }
}

/** A deployment's result must be recorded, however long the store is away. */
function untilAvailable<T>(work: () => Promise<T>): Promise<T> {
  return pRetry(work, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 50,
    maxTimeout: 1_000,
    shouldRetry: ({ error }) => error instanceof StoreUnavailableError,
  });
}
