import { type Kysely, sql } from "kysely";

/**
 * Deployments that run on several hosts: the run on each host, and the hosts that a deployment waits for. An
 * index of what a runner holds, since a host may catch up after its deployment has ended.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const column of ["hosts", "waits_for"])
    await db.schema.alterTable("deployments").addColumn(column, "text").execute();
  await db.schema
    .createIndex("deployments_held")
    .on("deployments")
    .columns(["repository_key", "target"])
    .where(sql.ref("holder"), "is not", null)
    .execute();
}
