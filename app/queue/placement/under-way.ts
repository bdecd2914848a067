import { type RawBuilder, sql } from "kysely";

/**
 * Whether a deployment occupies its target: it is `running`, or a host catches up on it after it has ended.
 * Literals, so that both engines use the small indexes of these rows.
 */
export function isUnderWay(): RawBuilder<boolean> {
  return sql<boolean>`(status = 'running' or holder is not null)`;
}
