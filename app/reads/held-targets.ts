import type { TargetConfig } from "../config/schema.ts";
import { type Hold, holdOf } from "../queue/hold.ts";
import { pending } from "../queue/pending.ts";
import { byTarget } from "../store/by-target.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Store } from "../store/store.ts";

/** A target that a person holds, and how many runs wait there. */
export interface HeldTarget extends Hold {
  repository: string;
  name: string;
  waiting: number;
}

/** The held targets of the repositories that may be seen, in the order of twinhook.yml. */
export async function heldTargets(
  store: Store,
  targets: readonly TargetConfig[],
  maySee: (repositoryKey: string) => boolean,
): Promise<HeldTarget[]> {
  const rows = await store.read
    .selectFrom("targets")
    .selectAll()
    .where("held_since", "is not", null)
    .execute();
  if (rows.length === 0) return [];
  const [{ waiting }, now] = await Promise.all([pending(store), store.now(store.read)]);
  const find = byTarget(rows);
  return targets.flatMap(({ repository, name }) => {
    const key = repositoryKey(repository);
    const row = find(key, name);
    const hold = row && maySee(key) ? holdOf(row, now) : null;
    const queued = waiting.find((one) => one.repositoryKey === key && one.target === name)?.count ?? 0;
    return hold ? [{ repository, name, ...hold, waiting: Number(queued) }] : [];
  });
}
