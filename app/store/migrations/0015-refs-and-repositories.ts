import type { Kysely } from "kysely";

/**
 * Adds the scan's result for a name, and a mark on deployments whose ref may be a tag. A run's event does not
 * say which. Also adds the ids of the configured repositories, which survive a rename.
 */
export async function up(db: Kysely<unknown>, engine: "sqlite" | "postgres"): Promise<void> {
  const integer = engine === "sqlite" ? ("integer" as const) : ("bigint" as const);
  await db.schema.alterTable("scans").addColumn("result", "text").execute();
  await db.schema.alterTable("scans").addColumn("trouble", "text").execute();
  await db.schema.alterTable("deployments").addColumn("ref_unproven", integer).execute();
  await db.schema.alterTable("deployments").addColumn("ref_note", "text").execute();
  await db.schema
    .createTable("repositories")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("id", integer, (c) => c.notNull())
    .addColumn("full_name", "text", (c) => c.notNull())
    .addColumn("taken_by", integer)
    .execute();
}
