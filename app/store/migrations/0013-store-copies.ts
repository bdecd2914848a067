import type { Kysely } from "kysely";

/** The copies that replaced a store's file after its deletion in use (SQLite alone). */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("store_copies")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("made_at", "bigint", (c) => c.notNull())
    .addColumn("replaced", "integer", (c) => c.notNull())
    .addColumn("told_at", "bigint")
    .execute();
}
