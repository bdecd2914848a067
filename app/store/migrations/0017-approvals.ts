import type { Kysely } from "kysely";

/**
 * Adds what GitHub protects, by target, and the approval that was last recorded there. Also adds the runs that
 * wait for an approved job, without a deployment.
 */
export async function up(db: Kysely<unknown>, engine: "sqlite" | "postgres"): Promise<void> {
  const integer = engine === "sqlite" ? ("integer" as const) : ("bigint" as const);
  await db.schema.alterTable("targets").addColumn("protection", "text").execute();
  await db.schema.alterTable("targets").addColumn("approval", "text").execute();
  await db.schema.alterTable("targets").addColumn("has_waited", integer).execute();
  await db.schema
    .createTable("waiting_runs")
    .addColumn("repository", "text", (c) => c.notNull())
    .addColumn("target", "text", (c) => c.notNull())
    .addColumn("run_id", integer, (c) => c.notNull())
    .addColumn("run_attempt", integer, (c) => c.notNull())
    .addColumn("delivery_id", "text", (c) => c.notNull())
    .addColumn("gate", "text", (c) => c.notNull())
    .addColumn("arrival", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("waiting_runs_key", [
      "repository",
      "target",
      "run_id",
      "run_attempt",
      "delivery_id",
    ])
    .execute();
}
