import { type Kysely, sql } from "kysely";

/**
 * Adds run numbers. GitHub numbers the runs of a workflow without gaps. So a target with `queue: all` sees
 * that an earlier run is missing.
 */
export async function up(db: Kysely<unknown>, engine: "sqlite" | "postgres"): Promise<void> {
  const integer = engine === "sqlite" ? ("integer" as const) : ("bigint" as const);
  const add = (table: string, column: string, type: "text" | typeof integer) =>
    db.schema.alterTable(table).addColumn(column, type).execute();
  for (const table of ["deliveries", "deployments"]) {
    await add(table, "run_workflow", "text");
    await add(table, "run_number", integer);
  }
  await add("deliveries", "settles", integer);
  await add("deployments", "order_gap", "text");
  await add("deployments", "order_cleared_at", integer);
  await add("deployments", "order_note", "text");
  await add("targets", "mark_workflow", "text");
  await add("targets", "mark_run_number", integer);
  // The numbers of one workflow grow, so its part of the index grows at its end.
  await db.schema
    .createIndex("deliveries_settled")
    .on("deliveries")
    .columns(["repository", "run_workflow", "run_number"])
    .where(sql.ref("settles"), "is not", null)
    .execute();
}
