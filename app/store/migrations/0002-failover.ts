import type { Kysely } from "kysely";

/** The controller's tables: its lease, the active endpoint, the history of failovers, and the last scans. */
export async function up(db: Kysely<unknown>, engine: "sqlite" | "postgres"): Promise<void> {
  const integer = engine === "sqlite" ? ("integer" as const) : ("bigint" as const);
  const serial = engine === "sqlite" ? ("integer" as const) : ("bigserial" as const);

  await db.schema
    .createTable("leases")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("holder", "text")
    .addColumn("instance", "text")
    .addColumn("host", "text")
    .addColumn("token", integer, (c) => c.notNull())
    .addColumn("beat", integer, (c) => c.notNull())
    .execute();

  await db.schema
    .createTable("switchboard")
    .addColumn("id", integer, (c) => c.primaryKey())
    .addColumn("active", "text", (c) => c.notNull())
    .addColumn("pinned", "text")
    .addColumn("pinned_reason", "text")
    .addColumn("pinned_forced", integer, (c) => c.notNull())
    .addColumn("webhook_url", "text")
    .addColumn("webhook_verified_at", integer)
    .execute();

  await db.schema
    .createTable("failovers")
    .addColumn("id", serial, (c) => c.primaryKey())
    .addColumn("from_endpoint", "text", (c) => c.notNull())
    .addColumn("to_endpoint", "text", (c) => c.notNull())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("reason", "text", (c) => c.notNull())
    .addColumn("decided_by", "text", (c) => c.notNull())
    .addColumn("detected_at", integer, (c) => c.notNull())
    .addColumn("decided_at", integer, (c) => c.notNull())
    .addColumn("switched_at", integer)
    .addColumn("verified_at", integer)
    .addColumn("abandoned_at", integer)
    .execute();

  await db.schema
    .createTable("looks")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("completed_at", integer)
    .addColumn("found", integer, (c) => c.notNull())
    .addColumn("accepted", integer, (c) => c.notNull())
    .execute();

  await db.schema
    .createTable("repository_hooks")
    .addColumn("hook_id", integer, (c) => c.primaryKey())
    .addColumn("repository", "text", (c) => c.notNull())
    .execute();
}
