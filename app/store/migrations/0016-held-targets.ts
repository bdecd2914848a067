import { type Kysely, sql } from "kysely";

/**
 * Targets that a person holds: who, why, since when and until when. Rollbacks, which may begin all the same.
 * An index of what succeeded, by time: the last of a target is live.
 */
export async function up(db: Kysely<unknown>, engine: "sqlite" | "postgres"): Promise<void> {
  const integer = engine === "sqlite" ? ("integer" as const) : ("bigint" as const);
  for (const column of ["held_by", "held_reason"])
    await db.schema.alterTable("targets").addColumn(column, "text").execute();
  for (const column of ["held_since", "held_until"])
    await db.schema.alterTable("targets").addColumn(column, integer).execute();
  await db.schema.alterTable("deployments").addColumn("passes_hold", integer).execute();
  await db.schema
    .createIndex("deployments_succeeded")
    .on("deployments")
    .columns(["repository_key", "target", "finished_at"])
    .where(sql.ref("status"), "=", "succeeded")
    .execute();
}
