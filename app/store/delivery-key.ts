import { sql } from "kysely";

/**
 * The run of a delivery, 0 where it has none. With the GUID it is the key of an event. A query uses the index
 * of that key only if it spells the expression like this.
 */
export const RUN_KEY = sql<number>`coalesce(run_id, 0)`;
