/**
 * How long a test waits for a fact before it gives up (ms): a last resort, above what the slowest machine needs.
 * No verdict depends on it, only how soon a failure is seen.
 */
export const PATIENCE_MS = 120_000;
