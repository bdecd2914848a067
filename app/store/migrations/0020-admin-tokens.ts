import type { Kysely } from "kysely";

/** Named admin tokens: the hash of each, what it may do, who made it, its end, and its last use. */
export async function up(db: Kysely<unknown>, engine: "sqlite" | "postgres"): Promise<void> {
  const integer = engine === "sqlite" ? ("integer" as const) : ("bigint" as const);
  await db.schema
    .createTable("admin_tokens")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("digest", "text", (c) => c.notNull().unique())
    .addColumn("scopes", "text", (c) => c.notNull())
    .addColumn("created_at", integer, (c) => c.notNull())
    .addColumn("created_by", "text", (c) => c.notNull())
    .addColumn("expires_at", integer)
    .addColumn("last_used_at", integer)
    .execute();
}
