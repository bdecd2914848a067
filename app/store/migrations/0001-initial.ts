import { type Kysely, sql } from "kysely";

/** The first schema. Integer columns are 64 bits wide on both engines. */
export async function up(db: Kysely<unknown>, engine: "sqlite" | "postgres"): Promise<void> {
  const integer = engine === "sqlite" ? ("integer" as const) : ("bigint" as const);
  const serial = engine === "sqlite" ? ("integer" as const) : ("bigserial" as const);

  await db.schema
    .createTable("targets")
    .addColumn("repository", "text", (c) => c.notNull())
    .addColumn("target", "text", (c) => c.notNull())
    .addColumn("watch_from", integer)
    .addColumn("mark_run_id", integer, (c) => c.notNull().defaultTo(0))
    .addColumn("mark_run_attempt", integer, (c) => c.notNull().defaultTo(0))
    .addColumn("mark_run_started_at", integer, (c) => c.notNull().defaultTo(0))
    .addColumn("mark_deployment_id", "text")
    .addPrimaryKeyConstraint("targets_pk", ["repository", "target"])
    .execute();

  await db.schema
    .createTable("deliveries")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("guid", "text", (c) => c.unique())
    .addColumn("source", "text", (c) => c.notNull())
    .addColumn("event", "text", (c) => c.notNull())
    .addColumn("action", "text")
    .addColumn("repository", "text", (c) => c.notNull())
    .addColumn("run_id", integer)
    .addColumn("run_attempt", integer)
    .addColumn("received_at", integer, (c) => c.notNull())
    .addColumn("received_by", "text", (c) => c.notNull())
    .addColumn("outcome", "text", (c) => c.notNull())
    .addColumn("reason", "text")
    .addColumn("deployment_ids", "text", (c) => c.notNull())
    .execute();

  await db.schema.createIndex("deliveries_newest").on("deliveries").columns(["received_at", "id"]).execute();

  await db.schema
    .createTable("deployments")
    .addColumn("seq", serial, (c) => c.primaryKey())
    .addColumn("id", "text", (c) => c.notNull().unique())
    .addColumn("repository", "text", (c) => c.notNull())
    .addColumn("repository_key", "text", (c) => c.notNull())
    .addColumn("target", "text", (c) => c.notNull())
    .addColumn("environment", "text", (c) => c.notNull())
    .addColumn("sha", "text", (c) => c.notNull())
    .addColumn("ref", "text", (c) => c.notNull())
    .addColumn("workflow", "text")
    .addColumn("actor", "text")
    .addColumn("run_id", integer)
    .addColumn("run_attempt", integer)
    .addColumn("run_started_at", integer, (c) => c.notNull())
    .addColumn("order_run_id", integer, (c) => c.notNull())
    .addColumn("order_run_attempt", integer, (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("superseded_by", "text")
    .addColumn("source", "text", (c) => c.notNull())
    .addColumn("via_run_attempt", integer)
    .addColumn("payload", "text")
    .addColumn("accepted_by", "text", (c) => c.notNull())
    .addColumn("run_by", "text")
    .addColumn("attempt", integer, (c) => c.notNull().defaultTo(1))
    .addColumn("interruptions", integer, (c) => c.notNull().defaultTo(0))
    .addColumn("exit_code", integer)
    .addColumn("reason", "text")
    .addColumn("accepted_at", integer, (c) => c.notNull())
    .addColumn("started_at", integer)
    .addColumn("finished_at", integer)
    .addColumn("verified_at", integer)
    .addColumn("cancel_requested_at", integer)
    .addColumn("holder", "text")
    .addColumn("host", "text")
    .addColumn("token", integer, (c) => c.notNull().defaultTo(0))
    .addColumn("lease_until", integer)
    .addColumn("lock", "text")
    .addColumn("github_deployment_id", "text")
    // No two rows have one key, whichever process writes them. (An admin's request by sha has no run.)
    .addUniqueConstraint("deployments_key", ["repository_key", "target", "run_id", "run_attempt"])
    .execute();

  // Small indexes, however many deployments have ended.
  for (const status of ["queued", "running"])
    await db.schema
      .createIndex(`deployments_${status}`)
      .on("deployments")
      .columns(["repository_key", "target"])
      .where(sql.ref("status"), "=", status)
      .execute();

  await db.schema
    .createTable("log_chunks")
    .addColumn("deployment_id", "text", (c) => c.notNull())
    .addColumn("attempt", integer, (c) => c.notNull())
    .addColumn("seq", integer, (c) => c.notNull())
    .addColumn("at", integer, (c) => c.notNull())
    .addColumn("text", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("log_chunks_pk", ["deployment_id", "attempt", "seq"])
    .execute();

  await db.schema
    .createTable("outbox")
    .addColumn("id", serial, (c) => c.primaryKey())
    .addColumn("deployment_id", "text", (c) => c.notNull())
    .addColumn("body", "text", (c) => c.notNull())
    .addColumn("created_at", integer, (c) => c.notNull())
    .addColumn("not_before", integer, (c) => c.notNull())
    .addColumn("attempts", integer, (c) => c.notNull().defaultTo(0))
    .addColumn("last_error", "text")
    .addColumn("holder", "text")
    .addColumn("token", integer, (c) => c.notNull().defaultTo(0))
    .addColumn("lease_until", integer)
    .execute();
  await db.schema.createIndex("outbox_due").on("outbox").column("not_before").execute();
  await db.schema.createIndex("outbox_line").on("outbox").columns(["deployment_id", "id"]).execute();
}
