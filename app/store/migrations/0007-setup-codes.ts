import type { Kysely } from "kysely";

/** The one-time code that opens the setup page, printed in an instance's log. Only its digest is kept. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("setup_codes")
    .addColumn("instance", "text", (c) => c.primaryKey())
    .addColumn("digest", "text", (c) => c.notNull())
    .execute();
}
