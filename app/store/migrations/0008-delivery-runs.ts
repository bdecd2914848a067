import { type Kysely, sql } from "kysely";

/** What came for a run is found at once, however much else came: runs grow, so that the index grows at its end. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createIndex("deliveries_run")
    .on("deliveries")
    .column("run_id")
    .where(sql.ref("run_id"), "is not", null)
    .execute();
}
