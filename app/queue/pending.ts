import type { TargetConfig } from "../config/schema.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { DeploymentRecord } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { holdOf } from "./hold.ts";

/** A deployment that is `running`, or that a host catches up on. No runner holds it between two hosts. */
export type RunningDeployment = Pick<
  DeploymentRecord,
  "id" | "repository_key" | "target" | "host" | "holder" | "lock" | "lease_until"
>;

/** Waiting and running deployments, over all targets. */
export interface Pending {
  /** `isHeld` says that a person holds the target, and that no waiting deployment may begin all the same. */
  waiting: { repositoryKey: string; target: string; count: number; isHeld: boolean }[];
  running: RunningDeployment[];
}

function underWay({ read }: Store) {
  return read
    .selectFrom("deployments")
    .select(["id", "repository_key", "target", "host", "holder", "lock", "lease_until"]);
}

/** Reads every target that has a queued deployment, and every running deployment. */
export async function pending(store: Store): Promise<Pending> {
  const [rows, running] = await Promise.all([
    store.read
      .selectFrom("deployments as d")
      .leftJoin("targets as t", (j) =>
        j.onRef("t.repository", "=", "d.repository_key").onRef("t.target", "=", "d.target"),
      )
      .select((e) => [
        "d.repository_key as repositoryKey",
        "d.target",
        "t.held_since",
        "t.held_until",
        e.fn.countAll<number>().as("count"),
        // See passesHold.
        e.fn.max("d.passes_hold").as("passing"),
        e.fn.max("d.interruptions").as("interruptions"),
      ])
      .where("d.status", "=", "queued")
      .groupBy(["d.repository_key", "d.target", "t.held_since", "t.held_until"])
      .execute(),
    underWay(store)
      .where("status", "=", "running")
      .unionAll(underWay(store).where("status", "=", "succeeded").where("holder", "is not", null))
      .execute(),
  ]);
  const now = rows.some(({ held_until }) => held_until !== null) ? await store.now(store.read) : 0;
  const waiting = rows.map(({ held_since, held_until, passing, interruptions, ...target }) => {
    const isHeld = holdOf({ held_since, held_until }, now) !== null;
    return { ...target, isHeld: isHeld && passing === null && !(Number(interruptions) > 0) };
  });
  return { waiting, running };
}

/** Whether nothing may begin on the target meanwhile. */
export function blocks(
  deployment: RunningDeployment,
  target: Pick<TargetConfig, "repository" | "name" | "lock">,
): boolean {
  const { repository_key, target: name, lock } = deployment;
  // Between two hosts it goes on with the next claim.
  if (repository_key === repositoryKey(target.repository) && name === target.name)
    return !isBetween(deployment);
  return target.lock !== null && lock === target.lock;
}

/** Whether it has ended on one host, and has not begun on the next. */
export function isBetween({ holder }: RunningDeployment): boolean {
  return holder === null;
}
