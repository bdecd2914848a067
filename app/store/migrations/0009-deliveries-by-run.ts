import { type Kysely, sql } from "kysely";

/**
 * Makes run and GUID, in this order, the key of an event. GUIDs alone are random: each new one changes
 * another page of their index. With a long history that halves the rate of accepts. Run ids grow, and so this
 * index grows at its end. The list's index finds the newest deliveries by GUID.
 *
 * The old index is dropped at once, and not a release later, since no release exists yet.
 */
export async function up(db: Kysely<unknown>, engine: "sqlite" | "postgres"): Promise<void> {
  if (engine === "sqlite") await rebuild(db);
  else await db.schema.alterTable("deliveries").dropConstraint("deliveries_guid_key").execute();
  for (const index of ["deliveries_list", "deliveries_run"])
    await db.schema.dropIndex(index).ifExists().execute();
  await db.schema
    .createIndex("deliveries_list")
    .on("deliveries")
    .columns(["received_at", "id", "repository", "outcome", "source", "run_id", "guid"])
    .execute();
  // The same expression as in ../delivery-key.ts.
  await sql`create unique index deliveries_key on deliveries (coalesce(run_id, 0), guid)`.execute(db);
}

/** SQLite cannot drop a constraint from a table, so copy the rows into a new one. */
async function rebuild(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("deliveries").renameTo("old_deliveries").execute();
  await db.schema
    .createTable("deliveries")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("guid", "text")
    .addColumn("source", "text", (c) => c.notNull())
    .addColumn("event", "text", (c) => c.notNull())
    .addColumn("action", "text")
    .addColumn("repository", "text", (c) => c.notNull())
    .addColumn("run_id", "integer")
    .addColumn("run_attempt", "integer")
    .addColumn("received_at", "integer", (c) => c.notNull())
    .addColumn("received_by", "text", (c) => c.notNull())
    .addColumn("outcome", "text", (c) => c.notNull())
    .addColumn("reason", "text")
    .addColumn("deployment_ids", "text", (c) => c.notNull())
    .execute();
  await sql`insert into deliveries select * from old_deliveries`.execute(db);
  await db.schema.dropTable("old_deliveries").execute();
}
