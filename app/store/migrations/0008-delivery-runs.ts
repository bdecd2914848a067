import { type Kysely, sql } from "kysely";

/**
 * Finds the deliveries of a run at once, however many others there are. Run ids grow, so the index grows at
 * its end.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createIndex("deliveries_run")
    .on("deliveries")
    .column("run_id")
    .where(sql.ref("run_id"), "is not", null)
    .execute();
}
