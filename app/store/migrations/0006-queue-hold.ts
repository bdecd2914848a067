import type { Kysely } from "kysely";

/** Until when targets that deploy every run in order wait for what GitHub could not deliver. */
export async function up(db: Kysely<unknown>, engine: "sqlite" | "postgres"): Promise<void> {
  const integer = engine === "sqlite" ? ("integer" as const) : ("bigint" as const);
  await db.schema.alterTable("switchboard").addColumn("queues_held_until", integer).execute();
}
