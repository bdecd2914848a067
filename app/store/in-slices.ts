/** The row limit of one statement: SQLite takes 32,766 values, and a row has up to 60 columns. */
const SLICE = 500;

/**
 * Calls `act` with one slice of the items after the other, for statements with lists of any length. SQLite
 * refuses a statement with too many values, and PostgreSQL's protocol breaks on it.
 */
export async function inSlices<T>(
  items: readonly T[],
  act: (slice: readonly T[]) => Promise<unknown>,
): Promise<void> {
  for (let start = 0; start < items.length; start += SLICE) await act(items.slice(start, start + SLICE));
}
