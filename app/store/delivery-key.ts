import { sql } from "kysely";

/**
 * The run that a delivery is of, 0 where it is of none. Together with the GUID it is the key of an event, and what is
 * asked by it, as it is written here, is answered from the index of that key.
 */
export const RUN_KEY = sql<number>`coalesce(run_id, 0)`;
