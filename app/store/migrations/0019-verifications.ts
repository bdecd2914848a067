import type { Kysely } from "kysely";

/**
 * The verification of a deployment: the URL, its last answer, and when the first request was made. An index of
 * what has begun, by time: a target's page shows the newest.
 */
export async function up(db: Kysely<unknown>, engine: "sqlite" | "postgres"): Promise<void> {
  for (const column of ["verify_url", "verify_answer"])
    await db.schema.alterTable("deployments").addColumn(column, "text").execute();
  await db.schema
    .alterTable("deployments")
    .addColumn("verify_started_at", engine === "sqlite" ? "integer" : "bigint")
    .execute();
  await db.schema
    .createIndex("deployments_begun")
    .on("deployments")
    .columns(["repository_key", "target", "started_at"])
    .execute();
}
