/** So many rows of 60 columns are below what one statement may hold: SQLite takes 32,766 values. */
const SLICE = 500;

/**
 * Does this with all items, a slice after the other, for statements that hold a list of any length: SQLite refuses
 * one with too many values, and PostgreSQL's protocol breaks on it.
 */
export async function inSlices<T>(
  items: readonly T[],
  act: (slice: readonly T[]) => Promise<unknown>,
): Promise<void> {
  for (let start = 0; start < items.length; start += SLICE) await act(items.slice(start, start + SLICE));
}
