/** Milliseconds per unit of a written duration. */
const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** The syntax of a duration, for error texts. */
export const DURATION_SYNTAX = 'a number with a unit (ms, s, m, h, d), such as "500ms", "5s" or "10m"';

/**
 * Reads a duration such as `"500ms"`, `"5s"` or `"1.5h"` and returns whole milliseconds.
 * @throws {RangeError} for a missing or unknown unit, a negative value, or no number. The message says what
 * was expected and found.
 */
export function parseDuration(text: unknown): number {
  const match = typeof text === "string" ? /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$/.exec(text) : null;
  if (!match) throw new RangeError(`expected ${DURATION_SYNTAX}, got ${JSON.stringify(text)}`);
  const [, value, unit] = match as unknown as [string, string, keyof typeof UNITS];
  return Math.round(Number(value) * UNITS[unit]);
}
