import type { Kysely } from "kysely";

/** The end of the queue hold: until then targets with `queue: all` wait for undelivered events. */
export async function up(db: Kysely<unknown>, engine: "sqlite" | "postgres"): Promise<void> {
  const integer = engine === "sqlite" ? ("integer" as const) : ("bigint" as const);
  await db.schema.alterTable("switchboard").addColumn("queues_held_until", integer).execute();
}
