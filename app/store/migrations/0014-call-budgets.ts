import { type Kysely, sql } from "kysely";

/**
 * The progress of the scans at GitHub, so that the next controller continues them. The content-creating calls
 * of all instances together. And a mark on the final statuses in the outbox.
 */
export async function up(db: Kysely<unknown>, engine: "sqlite" | "postgres"): Promise<void> {
  const integer = engine === "sqlite" ? ("integer" as const) : ("bigint" as const);
  await db.schema
    .createTable("scans")
    .addColumn("scan", "text", (c) => c.notNull())
    .addColumn("place", "text", (c) => c.notNull())
    .addColumn("scanned_at", integer)
    .addColumn("seen_at", integer)
    .addColumn("asked", integer, (c) => c.notNull().defaultTo(0))
    .addColumn("served", integer, (c) => c.notNull().defaultTo(0))
    .addPrimaryKeyConstraint("scans_pk", ["scan", "place"])
    .execute();
  await sql`create index scans_asked on scans (scan, place) where asked > served`.execute(db);
  await db.schema
    .createTable("content_calls")
    .addColumn("account", "text", (c) => c.primaryKey())
    .addColumn("calls", "text", (c) => c.notNull())
    .addColumn("paused_until", integer, (c) => c.notNull().defaultTo(0))
    .addColumn("pauses", integer, (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema
    .alterTable("outbox")
    .addColumn("final", "integer", (c) => c.notNull().defaultTo(0))
    .execute();
  const onTheWay = ["queued", "running"].map((status) => sql`body not like ${`%"status":"${status}"%`}`);
  await sql`update outbox set final = 1 where ${sql.join(onTheWay, sql` and `)}`.execute(db);
}
