import { type Kysely, sql } from "kysely";

/** The alerts, the conditions that last, and the messages to send. */
export async function up(db: Kysely<unknown>, engine: "sqlite" | "postgres"): Promise<void> {
  const integer = engine === "sqlite" ? ("integer" as const) : ("bigint" as const);
  const serial = engine === "sqlite" ? ("integer" as const) : ("bigserial" as const);

  await db.schema
    .createTable("alerts")
    .addColumn("id", serial, (c) => c.primaryKey())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("subject", "text", (c) => c.notNull())
    .addColumn("since", integer, (c) => c.notNull())
    .addColumn("at", integer, (c) => c.notNull())
    .addColumn("facts", "text", (c) => c.notNull())
    .addColumn("told_at", integer)
    .execute();
  await db.schema
    .createIndex("alerts_untold")
    .on("alerts")
    .column("id")
    .where(sql.ref("told_at"), "is", null)
    .execute();
  await db.schema.createIndex("alerts_told").on("alerts").column("told_at").execute();

  await db.schema
    .createTable("alert_conditions")
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("subject", "text", (c) => c.notNull())
    .addColumn("since", integer, (c) => c.notNull())
    .addPrimaryKeyConstraint("alert_conditions_pk", ["kind", "subject"])
    .execute();

  await db.schema
    .createTable("alert_outbox")
    .addColumn("id", serial, (c) => c.primaryKey())
    .addColumn("channel", "text", (c) => c.notNull())
    .addColumn("body", "text", (c) => c.notNull())
    .addColumn("created_at", integer, (c) => c.notNull())
    .addColumn("not_before", integer, (c) => c.notNull())
    .addColumn("attempts", integer, (c) => c.notNull().defaultTo(0))
    .addColumn("last_error", "text")
    .addColumn("holder", "text")
    .addColumn("token", integer, (c) => c.notNull().defaultTo(0))
    .addColumn("lease_until", integer)
    .execute();
  await db.schema.createIndex("alert_outbox_due").on("alert_outbox").column("not_before").execute();
  await db.schema.createIndex("alert_outbox_line").on("alert_outbox").columns(["channel", "id"]).execute();
}
