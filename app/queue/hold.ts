import type { DeploymentRow, TargetRow } from "../store/schema.ts";
import type { StoreContext, Writer } from "../store/store.ts";
import { closeCondition, openCondition } from "./raise-alert.ts";

/** A person's order that a target begins no run: who, why, since when and until when (ms; null: no end). */
export interface Hold {
  by: string;
  reason: string;
  since: number;
  until: number | null;
}

/** A target by its names: the repository's key, its spelling in twinhook.yml, and the target. */
export interface HeldTarget {
  repositoryKey: string;
  repository: string;
  target: string;
}

type HoldColumns = Pick<TargetRow, "held_by" | "held_reason" | "held_since" | "held_until">;

/** The hold of a target's row at this time (ms, the store's clock); null where none applies. */
export function holdOf(row: HoldColumns, now: number): Hold | null {
  const { held_by, held_reason, held_since, held_until = null } = row;
  if (held_since == null || (held_until !== null && held_until <= now)) return null;
  return { by: held_by ?? "", reason: held_reason ?? "", since: held_since, until: held_until };
}

/**
 * Whether a deployment begins although its target is held: a rollback by a person, or a deployment that had
 * begun before its runner died.
 */
export function passesHold(row: Pick<DeploymentRow, "passes_hold" | "interruptions">): boolean {
  return row.passes_hold !== null || row.interruptions > 0;
}

/**
 * Holds a target from now on. A target that is already held gets the new reason and the new end. A client whose answer
 * was lost repeats its request, and that raises no second alert.
 */
export async function setHold(
  trx: Writer,
  store: StoreContext,
  held: HeldTarget,
  { by, reason, until }: Omit<Hold, "since">,
): Promise<Hold> {
  const before = await currentHold(trx, store, held);
  const hold = { by, reason, since: before?.since ?? (await store.now(trx)), until };
  const columns = { held_by: by, held_reason: reason, held_since: hold.since, held_until: until };
  const unmarked = { mark_run_id: 0, mark_run_attempt: 0, mark_run_started_at: 0, mark_deployment_id: null };
  await trx
    .insertInto("targets")
    .values({
      repository: held.repositoryKey,
      target: held.target,
      watch_from: null,
      ...unmarked,
      ...columns,
    })
    .onConflict((c) => c.columns(["repository", "target"]).doUpdateSet(columns))
    .execute();
  const changed = before?.by !== by || before.reason !== reason || before.until !== until;
  await openCondition(trx, store, alertOf(held, hold), { again: changed });
  await store.notify(trx);
  return hold;
}

/** The hold that applies now; null for none. Locks the target's row until the transaction ends. */
export async function currentHold(
  trx: Writer,
  store: StoreContext,
  { repositoryKey, target }: HeldTarget,
): Promise<Hold | null> {
  const row = await trx
    .selectFrom("targets")
    .selectAll()
    .where("repository", "=", repositoryKey)
    .where("target", "=", target)
    .$if(store.can.rowLocks, (q) => q.forUpdate())
    .executeTakeFirst();
  return row ? holdOf(row, await store.now(trx)) : null;
}

/** Ends a target's hold. `by` is a person, or says that its time is over. Returns the hold; null for none. */
export async function endHold(
  trx: Writer,
  store: StoreContext,
  held: HeldTarget,
  by: string,
): Promise<Hold | null> {
  const before = await currentHold(trx, store, held);
  await trx
    .updateTable("targets")
    .set({ held_by: null, held_reason: null, held_since: null, held_until: null })
    .where("repository", "=", held.repositoryKey)
    .where("target", "=", held.target)
    .execute();
  const { since: _, ...alert } = alertOf(held, before ?? { by, reason: "", since: 0, until: null });
  await closeCondition(trx, store, { ...alert, facts: { ...alert.facts, by } });
  await store.notify(trx);
  return before;
}

/** Ends the holds whose time is over, so that their alerts end too. */
export async function endExpiredHolds(trx: Writer, store: StoreContext): Promise<void> {
  const expired = await trx
    .selectFrom("targets")
    .selectAll()
    .where("held_until", "<=", await store.now(trx))
    .execute();
  for (const { repository, target } of expired)
    await endHold(trx, store, { repositoryKey: repository, repository, target }, "Its end");
}

function alertOf({ repositoryKey, repository, target }: HeldTarget, { since, ...hold }: Hold) {
  const subject = `${target} of ${repositoryKey}`;
  return { kind: "held" as const, subject, since, facts: { repository, target, ...hold } };
}
