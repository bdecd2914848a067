import { sql } from "kysely";
import type { DeploymentRow } from "../store/schema.ts";
import type { Reader } from "../store/store.ts";

/** Since when a queued deployment has been waiting (ms): since its arrival, or since its latest attempt. */
export function waitingSince(row: Pick<DeploymentRow, "accepted_at" | "queued_again_at">): number {
  return row.queued_again_at ?? row.accepted_at;
}

/**
 * Since when the deployment has been waiting that waits longest (ms); null where none does. What a person holds waits
 * on purpose, and does not count. With `visible` only these repositories count.
 */
export async function longestWaiting(read: Reader, visible: string[] | null = null): Promise<number | null> {
  const row = await read
    .selectFrom("deployments as d")
    .where("d.status", "=", "queued")
    .$if(visible !== null, (q) => q.where("d.repository_key", "in", visible ?? []))
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("targets as t")
            .select("t.target")
            .whereRef("t.repository", "=", "d.repository_key")
            .whereRef("t.target", "=", "d.target")
            .where("t.held_since", "is not", null),
        ),
      ),
    )
    .select(sql<number | null>`min(coalesce(d.queued_again_at, d.accepted_at))`.as("since"))
    .executeTakeFirst();
  return row?.since ?? null;
}
