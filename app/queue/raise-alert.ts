import type { AlertKind } from "../config/alert-kinds.ts";
import type { AlertRow } from "../store/schema.ts";
import type { StoreContext, Writer } from "../store/store.ts";
import type { AlertFacts } from "./alert-facts.ts";

/** Something to be told; the facts are those of its kind. */
export interface NewAlert<K extends keyof AlertFacts = keyof AlertFacts> {
  kind: K;
  state: AlertRow["state"];
  subject: string;
  facts: AlertFacts[K];
  /** When it began (ms); default: now. */
  since?: number;
}

/**
 * Inside the transaction that something happens in: has people told of it. Who sends the messages finds it
 * there if, and only if, it did happen.
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
 * The same for something that lasts. It is told when it begins, and not again while it lasts, unless `again`.
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

/** It is over: that is told if its beginning was. */
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
