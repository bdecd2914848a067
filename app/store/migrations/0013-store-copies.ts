import type { Kysely } from "kysely";

/** The copies by which a store's file was put back that had been deleted while it was in use (SQLite alone). */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("store_copies")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("made_at", "bigint", (c) => c.notNull())
    .addColumn("replaced", "integer", (c) => c.notNull())
    .addColumn("told_at", "bigint")
    .execute();
}
