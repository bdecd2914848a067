import type { Kysely } from "kysely";

/** What a deployment is about, in its author's words. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("deployments").addColumn("commit_title", "text").execute();
}
