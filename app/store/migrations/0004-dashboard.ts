import { type Kysely, sql } from "kysely";

/** Tables and indexes for the pages: the endpoints' recent health, and lists with fast filters. */
export async function up(db: Kysely<unknown>, engine: "sqlite" | "postgres"): Promise<void> {
  const integer = engine === "sqlite" ? ("integer" as const) : ("bigint" as const);
  const real = engine === "sqlite" ? ("real" as const) : ("double precision" as const);

  await db.schema
    .createTable("endpoint_health")
    .addColumn("endpoint", "text", (c) => c.primaryKey())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("reason", "text", (c) => c.notNull())
    .addColumn("since", integer, (c) => c.notNull())
    .execute();

  await db.schema
    .createTable("health_samples")
    .addColumn("at", integer, (c) => c.notNull())
    .addColumn("endpoint", "text", (c) => c.notNull())
    .addColumn("average_ms", real)
    .addColumn("succeeded", integer, (c) => c.notNull())
    .addColumn("failed", integer, (c) => c.notNull())
    .addPrimaryKeyConstraint("health_samples_pk", ["at", "endpoint"])
    .execute();

  // All filters of the list read this one index: it finds the newest matches without their rows. One index
  // for each filter would make every accept slower.
  await db.schema
    .createIndex("deliveries_list")
    .on("deliveries")
    .columns(["received_at", "id", "repository", "outcome", "source", "run_id"])
    .execute();
  await db.schema.dropIndex("deliveries_newest").execute();

  await db.schema
    .createIndex("deployments_asked_for")
    .on("deployments")
    .columns(["repository_key", "verified_at"])
    .where(sql.ref("source"), "=", "action")
    .execute();
}
