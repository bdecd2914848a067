import type { Kysely } from "kysely";

/** When a deployment went back to the queue: its time of waiting begins anew with each attempt. */
export async function up(db: Kysely<unknown>, engine: "sqlite" | "postgres"): Promise<void> {
  await db.schema
    .alterTable("deployments")
    .addColumn("queued_again_at", engine === "sqlite" ? "integer" : "bigint")
    .execute();
}
