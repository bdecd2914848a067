/** Milliseconds per unit that a duration may be written in. */
const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** How a duration is written, for error texts. */
export const DURATION_SYNTAX = 'a number with a unit (ms, s, m, h, d), such as "500ms", "5s" or "10m"';

/**
 * Reads a duration such as `"500ms"`, `"5s"` or `"1.5h"` and returns whole milliseconds.
 * @throws {RangeError} when the unit is missing or unknown, or when the value is negative or not a number;
 * the message says what was expected and what was found.
 */
export function parseDuration(text: unknown): number {
  const match = typeof text === "string" ? /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$/.exec(text) : null;
  if (!match) throw new RangeError(`expected ${DURATION_SYNTAX}, got ${JSON.stringify(text)}`);
  const [, value, unit] = match as unknown as [string, string, keyof typeof UNITS];
  return Math.round(Number(value) * UNITS[unit]);
}
