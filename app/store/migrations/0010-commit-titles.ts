import type { Kysely } from "kysely";

/** The title of a deployment's commit. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("deployments").addColumn("commit_title", "text").execute();
}
