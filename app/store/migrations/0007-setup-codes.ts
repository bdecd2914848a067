import type { Kysely } from "kysely";

/** The one-time code that lets whoever reads an instance's log open the setup page; only its digest is kept. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("setup_codes")
    .addColumn("instance", "text", (c) => c.primaryKey())
    .addColumn("digest", "text", (c) => c.notNull())
    .execute();
}
