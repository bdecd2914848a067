import { type Kysely, sql } from "kysely";

/** Indexes the deployments that an Action asked for, also where an event came first. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropIndex("deployments_asked_for").execute();
  await db.schema
    .createIndex("deployments_asked_for")
    .on("deployments")
    .columns(["repository_key", "verified_at"])
    .where(sql.ref("via_run_attempt"), "is not", null)
    .execute();
}
