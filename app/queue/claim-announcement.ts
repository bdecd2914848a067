import { type Selectable, sql } from "kysely";
import { isFinal } from "../../shared/deployment.ts";
import { isFree, leaseItem, type OutboxItem, type OutboxTable } from "../outbox/outbox-lease.ts";
import { accountOf } from "../store/repository-key.ts";
import type { OutboxRow } from "../store/schema.ts";
import type { Store, Writer } from "../store/store.ts";
import type { Announcement } from "./announce.ts";
import { type ContentPace, contentWait, paused, spent } from "./content-pace.ts";

/**
 * The outbox of statuses for GitHub. Each deployment is a line of its own, so that its statuses stay in
 * order.
 */
export const GITHUB_OUTBOX: OutboxTable = { name: "outbox", line: "deployment_id" };

/** A status that the caller has leased and may post. */
export interface AnnouncementItem extends OutboxItem<Announcement> {
  /** `owner/name` in lower case. Its account's call budget pays for the status. */
  repository: string;
  /** The number of content-creating calls that it takes: one for the status, one for a missing Deployment. */
  cost: number;
  /** How many times in a row GitHub has asked for a pause. */
  pauses: number;
}

/**
 * Claims the next status to post, of a deployment whose account has calls left.
 * Deployments that have ended come first. So do deployments that the Action created at GitHub, since it polls
 * them. An intermediate status that a later one has replaced is dropped; a final one never is.
 * Returns how long to wait where nothing may be sent yet, and null where nothing waits. `isLimited` tells
 * whether GitHub limits the account's content-creating calls at all.
 */
export function claimAnnouncement(
  store: Store,
  holder: string,
  isLimited: (account: string) => boolean,
): Promise<AnnouncementItem | { waitMs: number } | null> {
  return store.write(async (trx) => {
    const now = await store.now(trx);
    // Accounts that may be sent nothing now, and accounts that may be sent final statuses only.
    const resting: string[] = [];
    const endsOnly: string[] = [];
    let waitMs = Number.POSITIVE_INFINITY;
    for (;;) {
      const line = await nextLine(trx, store, now, { resting, endsOnly });
      if (!line) return Number.isFinite(waitMs) ? { waitMs } : null;
      const { first, attempts, dropped } = await mergedLine(trx, line.deployment_id);
      const repository = line.repository_key ?? "";
      const account = accountOf(repository);
      const cost = costOf(line, first, attempts);
      const pace = await readPace(trx, store, account);
      const onTheWay = line.urgent === 0;
      const wait = cost === 0 ? 0 : contentWait(pace, { now, cost, onTheWay, limited: isLimited(account) });
      if (wait > 0) {
        waitMs = Math.min(waitMs, wait);
        (onTheWay ? endsOnly : resting).push(account);
        continue;
      }
      if (dropped.length > 0) await trx.deleteFrom("outbox").where("id", "in", dropped).execute();
      if (cost > 0) await writePace(trx, account, spent(pace, now, cost));
      const item = await leaseItem<Announcement>(trx, GITHUB_OUTBOX, { ...first, attempts }, { holder, now });
      return { ...item, repository, cost, pauses: pace.pauses };
    }
  });
}

/** Takes one content-creating call that is not for the outbox. Returns how long it has to wait (ms), or 0. */
export function takeContentCall(store: Store, account: string, limited: boolean): Promise<number> {
  return store.write(async (trx) => {
    const now = await store.now(trx);
    const pace = await readPace(trx, store, account);
    const wait = contentWait(pace, { now, cost: 1, onTheWay: false, limited });
    if (wait === 0) await writePace(trx, account, spent(pace, now, 1));
    return wait;
  });
}

/** Counts calls beyond those that the claim counted: repetitions after a failure. */
export function countContentCalls(store: Store, account: string, count: number): Promise<void> {
  return changePace(store, account, (pace, now) => spent(pace, now, count));
}

/**
 * Pauses content-creating calls of an account, on all instances. `askedMs` is GitHub's time; null where it
 * named none.
 */
export function pauseContent(store: Store, account: string, askedMs: number | null): Promise<void> {
  return changePace(store, account, (pace, now) => paused(pace, now, askedMs));
}

/** GitHub accepts content-creating calls of the account again. */
export function endContentPauses(store: Store, account: string): Promise<void> {
  return changePace(store, account, (pace) => ({ ...pace, pauses: 0 }));
}

function changePace(
  store: Store,
  account: string,
  change: (pace: ContentPace, now: number) => ContentPace,
): Promise<void> {
  return store.write(async (trx) => {
    const now = await store.now(trx);
    await writePace(trx, account, change(await readPace(trx, store, account), now));
  });
}

/** The deployment with the next status to post, and its first status. */
async function nextLine(
  trx: Writer,
  store: Store,
  now: number,
  { resting, endsOnly }: { resting: readonly string[]; endsOnly: readonly string[] },
) {
  const ends = sql<number>`case when d.source = 'github_deployment' or exists (
    select 1 from outbox as later where later.deployment_id = o.deployment_id and later.final = 1
  ) then 1 else 0 end`;
  const isOf = (account: string) =>
    sql<boolean>`coalesce(substr(d.repository_key, 1, ${account.length + 1}), '') = ${`${account}/`}`;
  let query = trx
    .selectFrom("outbox as o")
    .leftJoin("deployments as d", "d.id", "o.deployment_id")
    .select(["o.deployment_id", "d.repository_key", "d.github_deployment_id", ends.as("urgent")])
    .where("o.not_before", "<=", now)
    .where((e) => isFree(e, now))
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("outbox as earlier")
            .select("earlier.id")
            .whereRef("earlier.deployment_id", "=", "o.deployment_id")
            .whereRef("earlier.id", "<", "o.id"),
        ),
      ),
    );
  for (const account of resting) query = query.where(sql<boolean>`not ${isOf(account)}`);
  for (const account of endsOnly) query = query.where(sql<boolean>`not (${isOf(account)} and ${ends} = 0)`);
  return query
    .orderBy("urgent", "desc")
    .orderBy("o.id")
    .limit(1)
    .$if(store.can.rowLocks, (q) => q.forUpdate("o").skipLocked())
    .executeTakeFirst();
}

/** A line without the intermediate statuses that a later one has replaced. */
async function mergedLine(trx: Writer, deploymentId: string) {
  const rows = await trx
    .selectFrom("outbox")
    .selectAll()
    .where("deployment_id", "=", deploymentId)
    .orderBy("id")
    .execute();
  // Read the status itself: an instance of an older version does not set the `final` column.
  const isEnd = ({ body }: Pick<OutboxRow, "body">) => isFinal((JSON.parse(body) as Announcement).status);
  const place = rows.findIndex((row, index) => isEnd(row) || index === rows.length - 1);
  const dropped = rows.slice(0, place);
  return {
    first: rows[place] as Selectable<OutboxRow>,
    // An earlier attempt may have reached GitHub although its answer was lost.
    attempts: Math.max(...rows.slice(0, place + 1).map((row) => row.attempts)),
    dropped: dropped.map(({ id }) => id),
  };
}

function costOf(
  {
    repository_key,
    github_deployment_id,
  }: { repository_key: string | null; github_deployment_id: string | null },
  { body }: Pick<OutboxRow, "body">,
  attempts: number,
): number {
  if (repository_key === null) return 0;
  if (github_deployment_id !== null) return 1;
  // A deployment that is superseded before GitHub heard of it needs no Deployment there.
  return attempts === 0 && (JSON.parse(body) as Announcement).status === "superseded" ? 0 : 2;
}

async function readPace(trx: Writer, store: Store, account: string): Promise<ContentPace> {
  await trx
    .insertInto("content_calls")
    .values({ account, calls: "[]", paused_until: 0, pauses: 0 })
    .onConflict((c) => c.doNothing())
    .execute();
  const row = await trx
    .selectFrom("content_calls")
    .selectAll()
    .where("account", "=", account)
    .$if(store.can.rowLocks, (q) => q.forUpdate())
    .executeTakeFirstOrThrow();
  return { calls: JSON.parse(row.calls), pausedUntil: row.paused_until, pauses: row.pauses };
}

async function writePace(trx: Writer, account: string, pace: ContentPace): Promise<void> {
  await trx
    .updateTable("content_calls")
    .set({ calls: JSON.stringify(pace.calls), paused_until: pace.pausedUntil, pauses: pace.pauses })
    .where("account", "=", account)
    .execute();
}
