import { type Kysely, sql } from "kysely";

/**
 * Indexes the queued deployments of a target in their order, so that a claim reads only the next one. The last two
 * columns are those that the dispatcher reads of all of them.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropIndex("deployments_queued").execute();
  await db.schema
    .createIndex("deployments_queued")
    .on("deployments")
    .columns(["repository_key", "target", "order_run_id", "order_run_attempt", "seq"])
    .columns(["passes_hold", "interruptions"])
    .where(sql.ref("status"), "=", "queued")
    .execute();
}
