import type { Kysely } from "kysely";

/** Sessions that were ended early, and the audit log: the person, the action, the time and the result. */
export async function up(db: Kysely<unknown>, engine: "sqlite" | "postgres"): Promise<void> {
  const integer = engine === "sqlite" ? ("integer" as const) : ("bigint" as const);
  const serial = engine === "sqlite" ? ("integer" as const) : ("bigserial" as const);

  await db.schema
    .createTable("ended_sessions")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("expires_at", integer, (c) => c.notNull())
    .execute();

  await db.schema
    .createTable("audit")
    .addColumn("id", serial, (c) => c.primaryKey())
    .addColumn("at", integer, (c) => c.notNull())
    .addColumn("by", "text", (c) => c.notNull())
    .addColumn("instance", "text", (c) => c.notNull())
    .addColumn("action", "text", (c) => c.notNull())
    .addColumn("details", "text")
    .addColumn("outcome", "text", (c) => c.notNull())
    .execute();
}
