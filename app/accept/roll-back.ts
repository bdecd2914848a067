import type { TargetConfig } from "../config/schema.ts";
import { currentHold, type HeldTarget, setHold } from "../queue/hold.ts";
import { deploymentsOf, liveDeployment, successes } from "../queue/last-success.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { DeploymentRecord } from "../store/schema.ts";
import type { Reader, Store } from "../store/store.ts";
import type { Arrival } from "./arrival.ts";
import { commitBatch } from "./commit-batch.ts";
import type { AcceptedBy } from "./new-rows.ts";

/** A person's request to go back. */
export interface RollbackRequest {
  /** `previous`, the id of a deployment, or a commit (its first 7 digits or more). */
  to: string;
  reason: string;
  /** Whether the target is held from now on. */
  hold: boolean;
  /** Also to a commit that never succeeded on the target, and to the live one. */
  force: boolean;
  /** Who asks. */
  by: string;
}

/** The deployment that a rollback made, or found; or the reason for a refusal, with the remedy. */
export type Rollback =
  | { kind: "new" | "known"; deployment: DeploymentRecord }
  | { kind: "not_found" | "conflict" | "invalid"; reason: string };

/** The commit to go back to, with the facts of its deployment here. */
type Goal = Pick<DeploymentRecord, "sha" | "ref" | "workflow" | "commit_title" | "payload">;
type Refused = Extract<Rollback, { reason: string }>;

/**
 * Deploys an earlier commit again, and holds the target, in one transaction. Nothing is done where that commit
 * is live and nothing has begun since, or where the same rollback waits or runs already.
 */
export function rollBack(
  store: Store,
  target: TargetConfig,
  request: RollbackRequest,
  accepting: AcceptedBy,
): Promise<Rollback> {
  const held = {
    repositoryKey: repositoryKey(target.repository),
    repository: target.repository,
    target: target.name,
  };
  return store.write(async (trx): Promise<Rollback> => {
    // Locks the row, so that two rollbacks come one after the other.
    const before = await currentHold(trx, store, held);
    const live = await liveDeployment(trx, held);
    const goal = await goalOf(trx, held, request, live);
    if ("kind" in goal) return goal;
    if (live?.sha === goal.sha && !request.force && !(await hasBegunSince(trx, held, live)))
      return { kind: "known", deployment: live };
    // A hold without an end stays: its reason is another's.
    if (request.hold && before?.until !== null)
      await setHold(trx, store, held, { by: request.by, reason: holdReason(request, goal), until: null });
    const same = await sameRollback(trx, held, goal);
    if (same) return { kind: "known", deployment: same };
    const [accepted] = await commitBatch(trx, store, [arrivalOf(target, goal, request)], accepting);
    const deployment = await trx
      .selectFrom("deployments")
      .selectAll()
      .where("id", "=", accepted?.deployments[0]?.id ?? "")
      .executeTakeFirstOrThrow();
    return { kind: "new", deployment };
  });
}

/** What a rollback would do: the commit that goes live, the live deployment, and those that go. */
export interface RollbackPlan {
  goal: Goal;
  live: DeploymentRecord | undefined;
  /** The last deployment of each commit that went live since the goal did, the newest first. */
  gone: DeploymentRecord[];
}

/** How many commits a plan looks back. */
const PLANNED = 100;

/** Reads what a rollback would do now, or why it would be refused. */
export async function planRollback(
  read: Reader,
  { repository, name }: Pick<TargetConfig, "repository" | "name">,
  request: Pick<RollbackRequest, "to" | "force">,
): Promise<RollbackPlan | Refused> {
  const held = { repositoryKey: repositoryKey(repository), repository, target: name };
  const live = await liveDeployment(read, held);
  const goal = await goalOf(read, held, request, live);
  if ("kind" in goal) return goal;
  const before = await successes(read, held).limit(PLANNED).execute();
  const at = before.findIndex(({ sha }) => sha === goal.sha);
  const newer = at === -1 ? before.slice(0, 1) : before.slice(0, at);
  const gone = newer.filter(({ sha }, i) => newer.findIndex((one) => one.sha === sha) === i);
  return { goal, live, gone };
}

async function goalOf(
  read: Reader,
  held: HeldTarget,
  { to, force }: Pick<RollbackRequest, "to" | "force">,
  live: DeploymentRecord | undefined,
): Promise<Goal | Refused> {
  const name = `${held.target} of ${held.repository}`;
  if (to === "previous") {
    const earlier =
      live && (await successes(read, held).where("sha", "<>", live.sha).limit(1).executeTakeFirst());
    if (earlier) return earlier;
    const found = live ? `only ${live.sha.slice(0, 12)} ever succeeded` : "no deployment ever succeeded";
    const reason = `${found} on ${name}, so there is no previous commit; name one in "to", with "force": true (twinhook: --to COMMIT --force)`;
    return { kind: "conflict", reason };
  }
  if (to.startsWith("dep_")) {
    const named = await deploymentsOf(read, held).where("id", "=", to).executeTakeFirst();
    if (!named) return { kind: "not_found", reason: `there is no deployment ${to} of ${name}` };
    const earlier = await successes(read, held).where("sha", "=", named.sha).limit(1).executeTakeFirst();
    if (earlier || force) return named;
    return neverSucceeded(named.sha, name);
  }
  const sha = to.toLowerCase();
  const known = await deploymentsOf(read, held)
    .where("sha", "like", `${sha}%`)
    .orderBy("seq", "desc")
    .execute();
  const good = known.filter(({ status }) => status === "succeeded");
  const [found] = good.length > 0 ? good : known;
  const others = new Set((good.length > 0 ? good : known).map((row) => row.sha));
  if (others.size > 1)
    return {
      kind: "invalid",
      reason: `to: several commits of ${name} begin with ${sha}; name all of its digits`,
    };
  if (good.length === 0 && !force) return neverSucceeded(sha, name);
  if (found) return found;
  if (sha.length < 40)
    return {
      kind: "invalid",
      reason: `to: expected all 40 digits of a commit that ${name} does not know, got ${sha}`,
    };
  return { sha, ref: sha, workflow: null, commit_title: null, payload: null };
}

function neverSucceeded(sha: string, name: string): Refused {
  const reason =
    `${sha.slice(0, 12)} never succeeded on ${name}; choose a commit that did, ` +
    'or add "force": true to deploy it all the same';
  return { kind: "conflict", reason };
}

/** Whether a later deployment has begun. It may have replaced the live one, in part at least. */
async function hasBegunSince(read: Reader, held: HeldTarget, live: DeploymentRecord): Promise<boolean> {
  const later = await deploymentsOf(read, held)
    .where("started_at", ">=", live.started_at)
    .where("id", "<>", live.id)
    .where("status", "in", ["running", "failed", "cancelled"])
    .limit(1)
    .executeTakeFirst();
  return later !== undefined;
}

/** A rollback to this commit that waits or runs. */
function sameRollback(read: Reader, held: HeldTarget, { sha }: Goal): Promise<DeploymentRecord | undefined> {
  return deploymentsOf(read, held)
    .where("status", "in", ["queued", "running"])
    .where("passes_hold", "is not", null)
    .where("sha", "=", sha)
    .limit(1)
    .executeTakeFirst();
}

function holdReason({ reason }: RollbackRequest, { sha }: Goal): string {
  return `rolled back to ${sha.slice(0, 12)}${reason === "" ? "" : `: ${reason}`}`;
}

function arrivalOf(target: TargetConfig, goal: Goal, request: RollbackRequest): Arrival {
  const { sha, ref, workflow, commit_title: commitTitle, payload } = goal;
  const why = request.reason === "" ? "" : `: ${request.reason}`;
  return {
    source: "manual",
    guid: null,
    event: "deployment_request",
    action: null,
    facts: {
      repository: target.repository,
      runId: null,
      runAttempt: null,
      runStartedAt: null,
      sha,
      ref,
      workflow,
      actor: request.by,
      commitTitle,
      numbered: null,
    },
    repository: repositoryKey(target.repository),
    targets: [target],
    ignored: null,
    payload,
    viaRunAttempt: null,
    rollback: `rolled back to ${sha.slice(0, 12)} by ${request.by}${why}`,
  };
}
