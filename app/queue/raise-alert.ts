import type { AlertKind } from "../config/alert-kinds.ts";
import type { AlertRow } from "../store/schema.ts";
import type { StoreContext, Writer } from "../store/store.ts";
import type { AlertFacts } from "./alert-facts.ts";

/** An alert to raise, with the facts of its kind. */
export interface NewAlert<K extends keyof AlertFacts = keyof AlertFacts> {
  kind: K;
  state: AlertRow["state"];
  subject: string;
  facts: AlertFacts[K];
  /** When it began (ms); default: now. */
  since?: number;
}

/**
 * Raises an alert. Call it inside the transaction of the event itself: the alert exists if, and only if, the
 * event happened.
 */
export async function raiseAlert<K extends keyof AlertFacts>(
  trx: Writer,
  store: StoreContext,
  { kind, state, subject, facts, since }: NewAlert<K>,
): Promise<void> {
  const at = await store.now(trx);
  await trx
    .insertInto("alerts")
    .values({ kind, state, subject, since: since ?? at, at, facts: JSON.stringify(facts), told_at: null })
    .execute();
  await store.notify(trx);
}

/**
 * Raises an alert for a condition that lasts. It is raised when the condition begins, and not again while it
 * lasts, unless `again`.
 */
export async function openCondition<K extends AlertKind>(
  trx: Writer,
  store: StoreContext,
  alert: Omit<NewAlert<K>, "state">,
  { again = false } = {},
): Promise<void> {
  const { kind, subject } = alert;
  const since = alert.since ?? (await store.now(trx));
  const opened = await trx
    .insertInto("alert_conditions")
    .values({ kind, subject, since })
    .onConflict((c) => c.doNothing())
    .returning("since")
    .executeTakeFirst();
  if (opened || again) await raiseAlert(trx, store, { ...alert, state: "firing", since });
}

/** Ends a condition. A message says so, if one was raised at its beginning. */
export async function closeCondition<K extends AlertKind>(
  trx: Writer,
  store: StoreContext,
  alert: Omit<NewAlert<K>, "state" | "since">,
): Promise<void> {
  const closed = await trx
    .deleteFrom("alert_conditions")
    .where("kind", "=", alert.kind)
    .where("subject", "=", alert.subject)
    .returning("since")
    .executeTakeFirst();
  if (closed) await raiseAlert(trx, store, { ...alert, state: "resolved", since: closed.since });
}
