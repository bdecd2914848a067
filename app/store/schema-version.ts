/** The schema that this code writes. It grows by one with every migration. */
export const SCHEMA_VERSION = 23;
/**
 * The oldest code that may work with a store of this schema. A migration that only adds leaves it as it is. A
 * removal waits for the release after its last reader, and raises this number (expand, then contract).
 */
export const MIN_CODE_VERSION = 9;
