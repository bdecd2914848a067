import type { Kysely } from "kysely";

/** The proof by which a deployment begins where its environment is protected: a job's approval, or a person's act. */
export async function up(db: Kysely<unknown>, engine: "sqlite" | "postgres"): Promise<void> {
  await db.schema.alterTable("deployments").addColumn("approved_for", "text").execute();
  await db.schema
    .alterTable("deployments")
    .addColumn("passes_gate", engine === "sqlite" ? "integer" : "bigint")
    .execute();
}
