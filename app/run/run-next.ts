import type { BeginInput, Begun } from "../accept/begin-task.ts";
import type { Clock } from "../clock.ts";
import { type Claim, type ClaimRequest, claim } from "../queue/claim/claim.ts";
import { type Ending, finish } from "../queue/finish.ts";
import { interrupt } from "../queue/interrupt.ts";
import { type Lease, LeaseLostError } from "../queue/lease.ts";
import { finishHost } from "../queue/placement/finish-host.ts";
import { hostRuns } from "../queue/placement/host-runs.ts";
import { beginVerification, noteAnswer } from "../queue/verification.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { DeploymentRecord } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { type UntilAvailable, untilAvailable } from "../store/until-available.ts";
import { type Execution, execute } from "./execute.ts";
import { endLeftovers, MAY_NOT_BE_ENDED } from "./interrupted.ts";
import { keepLease, refreshLease } from "./keep-lease.ts";
import type { Launcher } from "./launcher.ts";
import { lockNames } from "./lock-names.ts";
import type { FromRunner, Job, JobResult } from "./messages.ts";
import { tryAcquireAll } from "./os-lock.ts";
import { OutputLog } from "./output-log.ts";
import type { RunRegistry } from "./run-registry.ts";

/** The tools and the place of a runner. */
export interface Workplace {
  clock: Clock;
  store: Store;
  registry: RunRegistry;
  /** The directory of the host's locks. */
  lockDirectory: string;
  /** The instance that the runner works for, and its host. */
  instance: string;
  host: string;
  /** Reports to the instance, if it is still there. */
  tell: (message: FromRunner) => void;
}

/** The prepared parts of the next deployment, so that only the claim is left to wait for. */
export interface Attempt {
  /** The holder of the lease. The registry lists its processes under this name. */
  holder: string;
  launcher: Launcher;
}

/** The same with the wait for the store that all of a job shares. */
type Bench = Workplace & { untilAvailable: UntilAvailable };

/**
 * Runs the next deployment of the job's target, from the claim to the recorded result. The order matters, so
 * that two deployments of a target never run at once. First take the operating system's lock, which only one
 * runner of the host can hold. Then clear away the processes of a dead predecessor. Only then claim.
 */
export async function runNext(workplace: Workplace, job: Job, attempt: Attempt): Promise<JobResult> {
  const { clock, registry } = workplace;
  const place = { ...workplace, untilAvailable: untilAvailable(clock, () => registry.isDeleted()) };
  const { target } = job;
  const locks = tryAcquireAll(place.lockDirectory, lockNames(target));
  if (!locks) return "locked";
  try {
    const request: ClaimRequest = {
      repositoryKey: repositoryKey(target.repository),
      target: target.name,
      queue: target.queue,
      workflow: target.workflow,
      lock: target.lock,
      rules: { environment: target.environment, approval: target.approval },
      holder: attempt.holder,
      instance: place.instance,
      host: place.host,
      placement: job.placement,
    };
    let askedAt = place.clock.monotonic();
    const begun = job.accept && (await acceptAndClaim(place, { accept: job.accept, claim: request }));
    let claimed = begun ?? (await claimOnce(place, request));
    if (claimed.kind === "occupied" && (await clearAway(place, request, job, claimed.by))) {
      askedAt = place.clock.monotonic();
      claimed = await claimOnce(place, request);
    }
    if (claimed.kind !== "claimed") return claimed.kind;
    await run(place, job, { deployment: claimed.deployment, askedAt }, attempt);
    registry.remove(attempt.holder);
    return "ran";
  } finally {
    for (const lock of locks) lock.release();
  }
}

/**
 * Claims a deployment. If an earlier claim was committed and only its answer was lost, that deployment is
 * ours.
 */
async function claimOnce({ store, untilAvailable }: Bench, request: ClaimRequest): Promise<Claim> {
  const claimed = await untilAvailable(() => claim(store, request));
  const isOurs = claimed.kind === "occupied" && claimed.by.holder === request.holder;
  return isOurs ? { kind: "claimed", deployment: claimed.by } : claimed;
}

/**
 * Commits the job's arrival together with the claim, and tells the instance. Undefined where the commit failed: the
 * instance then commits the arrival itself. If only its answer was lost, {@link claimOnce} finds the deployment.
 */
async function acceptAndClaim({ store, tell }: Workplace, input: BeginInput): Promise<Claim | undefined> {
  try {
    const { accepted, claim } = await store.perform<Begun>("begin-task", input);
    tell({ type: "accepted", accepted });
    return claim;
  } catch {
    tell({ type: "accepted", accepted: undefined });
    return undefined;
  }
}

/** Takes a deployment from a dead runner. On this host the target's lock proves that the runner is dead. */
async function clearAway(
  { store, registry, host, clock, tell, untilAvailable }: Bench,
  request: ClaimRequest,
  { target }: Job,
  by: DeploymentRecord,
): Promise<boolean> {
  // A deployment of another target that has our named lock is left to a runner of that target.
  if (by.repository_key !== request.repositoryKey || by.target !== request.target) return false;
  const local = by.host === host;
  if (!local && (by.lease_until ?? 0) > (await store.write((trx) => store.now(trx)))) return false;
  if (local)
    await endLeftovers(registry, by.holder ?? "", clock, () =>
      tell({ type: "error", message: `the command of ${by.id} has lost its worker: ${MAY_NOT_BE_ENDED}` }),
    );
  const detail = local ? "its worker process ended" : `host ${by.host} stopped renewing its lease`;
  const ranOut = !local;
  const status = await untilAvailable(() => interrupt(store, by, target.on_interrupt, detail, { ranOut }));
  if (status === "failed" || status === "cancelled") tell({ type: "ended", ...aboutOf(by), status });
  return true;
}

/** The deployment and attempt that a progress message is about. */
function aboutOf({ id, attempt, repository, target }: DeploymentRecord) {
  return { deploymentId: id, attempt, repository, target };
}

async function run(
  place: Bench,
  job: Job,
  { deployment, askedAt }: { deployment: DeploymentRecord; askedAt: number },
  { holder, launcher }: Attempt,
): Promise<void> {
  const { store, clock, tell, untilAvailable } = place;
  const { target, inherited, secrets, placement } = job;
  const lease: Lease = { deploymentId: deployment.id, holder, token: deployment.token };
  const on = deployment.hosts !== null && placement ? { deployment, placement } : null;
  const end = (ending: Ending) =>
    on ? finishHost(store, lease, ending, on, job) : finish(store, lease, ending, job);
  const firstSeq = on ? await untilAvailable(() => nextSeq(store, deployment)) : 0;
  const log = new OutputLog({ store, clock, deployment, output: launcher.output, secrets, firstSeq });
  if (on) log.note(`on the host ${on.placement.self}`);
  const payloadFile = place.registry.payloadFile(holder);
  const about = aboutOf(deployment);
  const progress = {
    begin: (url: string) => untilAvailable(() => beginVerification(store, lease, url)),
    // A lost note is made good by the next one, or by the result.
    answered: (answer: string) => void noteAnswer(store, lease, answer).catch(() => {}),
  };
  let since: number;
  try {
    since = await refreshLease(place, lease, askedAt);
  } catch (error) {
    launcher.dismiss();
    await launcher.ended;
    if (!(error instanceof LeaseLostError)) throw error;
    return tell({ type: "error", message: `${error.message}; its command was not begun` });
  }
  let execution: Execution;
  try {
    execution = execute({ deployment, target, inherited, launcher, payloadFile, clock, log, progress });
  } catch (error) {
    launcher.dismiss();
    await launcher.ended;
    await log.settle();
    const reason = `the command could not be started: ${(error as Error).message}`;
    await record(place, () => end({ status: "failed", exitCode: null, reason }));
    return tell({ type: "ended", ...about, status: "failed" });
  }
  const isFirst = hostRuns(deployment).filter(({ started_at }) => started_at !== null).length < 2;
  tell({ type: "started", ...about, waitedMs: isFirst ? clock.now() - deployment.accepted_at : null });
  const letGo = keepLease({ store, clock, lease, since, execution });
  const ending = await execution.result;
  letGo();
  await log.settle();
  // The result counts, even if its log could not be stored.
  await untilAvailable(() => log.store()).catch((error: Error) =>
    tell({ type: "error", message: `the log of ${deployment.id} is not complete: ${error.message}` }),
  );
  await record(place, () =>
    ending.endedBy === "lease_lost"
      ? interrupt(store, deployment, target.on_interrupt, ending.reason ?? "")
      : end(ending),
  );
  tell({ type: "ended", ...about, status: on ? `${ending.status} on ${on.placement.self}` : ending.status });
}

/** The number of the next piece of an attempt's log. A transaction, since its errors say when to try again. */
function nextSeq(store: Store, { id, attempt }: DeploymentRecord): Promise<number> {
  return store.write(async (trx) => {
    const last = await trx
      .selectFrom("log_chunks")
      .select("seq")
      .where("deployment_id", "=", id)
      .where("attempt", "=", attempt)
      .orderBy("seq", "desc")
      .limit(1)
      .executeTakeFirst();
    return last === undefined ? 0 : last.seq + 1;
  });
}

/** Records a result, once the store is available. After a lost lease the new holder records it. */
async function record({ tell, untilAvailable }: Bench, write: () => Promise<unknown>): Promise<void> {
  try {
    await untilAvailable(write);
  } catch (error) {
    if (!(error instanceof LeaseLostError)) throw error;
    tell({ type: "error", message: `${error.message}; the result of this worker is not recorded` });
  }
}
