import { unsent } from "../outbox/unsent.ts";
import { inSlices } from "../store/in-slices.ts";
import type { AlertRow } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import type { Channel } from "./channels/channel.ts";

/** Alerts within this time of the first are sent together with it: a failover rarely comes alone. */
export const TOGETHER_MS = 2_000;
/**
 * Alerts of ended conditions, of requests that were found late, and of successes need no action. They wait for the rest of the
 * incident: GitHub logs a hanging delivery 11 s later, and a failback comes 10 s after its instance is back.
 */
export const CALM_MS = 15_000;
/** Messages are made at most this many times a minute. Further alerts wait, and are sent together. */
const MINUTE_MS = 60_000;
const TIMES_A_MINUTE = 5;

/**
 * When the next messages are due to be made of unsent alerts (ms, the store's clock); null if there are none.
 */
export async function nextDigest(store: Store): Promise<number | null> {
  const untold = await store.read
    .selectFrom("alerts")
    .select(["at", "kind", "state"])
    .where("told_at", "is", null)
    .orderBy("id")
    .execute();
  const [oldest] = untold;
  if (!oldest) return null;
  const due = Math.min(...untold.map((alert) => alert.at + (isCalm(alert) ? CALM_MS : TOGETHER_MS)));
  const told = await store.read
    .selectFrom("alerts")
    .select("told_at")
    .distinct()
    .where("told_at", ">", oldest.at - MINUTE_MS)
    .orderBy("told_at", "desc")
    .limit(TIMES_A_MINUTE)
    .execute();
  const fifth = told[TIMES_A_MINUTE - 1]?.told_at ?? Number.NEGATIVE_INFINITY;
  return Math.max(due, fifth + MINUTE_MS);
}

function isCalm({ kind, state }: Pick<AlertRow, "kind" | "state">): boolean {
  return state === "resolved" || kind === "catch_up" || kind === "deployment_succeeded";
}

/**
 * Makes messages of all unsent alerts: one for each channel that wants any of them. If several instances try, the first
 * does it for all.
 */
export function makeMessages(
  store: Store,
  channels: readonly Pick<Channel, "id" | "kinds" | "groups">[],
): Promise<void> {
  return store.write(async (trx) => {
    const alerts = await trx
      .selectFrom("alerts")
      .select(["id", "kind"])
      .where("told_at", "is", null)
      .orderBy("id")
      .$if(store.can.rowLocks, (q) => q.forUpdate())
      .execute();
    if (alerts.length === 0) return;
    const now = await store.now(trx);
    const messages = channels.flatMap((channel) => {
      const wanted = alerts.filter(({ kind }) => kind === "test" || channel.kinds.includes(kind));
      const ids = wanted.map(({ id }) => id);
      const bodies = channel.groups ? [ids] : ids.map((id) => [id]);
      return bodies
        .filter((body) => body.length > 0)
        .map((body) => ({
          channel: channel.id,
          body: JSON.stringify(body),
          ...unsent(now),
        }));
    });
    await inSlices(messages, (slice) => trx.insertInto("alert_outbox").values(slice).execute());
    const told = alerts.map(({ id }) => id);
    await inSlices(told, (slice) =>
      trx.updateTable("alerts").set({ told_at: now }).where("id", "in", slice).execute(),
    );
    await store.notify(trx);
  });
}
