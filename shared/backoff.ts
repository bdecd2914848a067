/**
 * The pause (ms) after a failed attempt (1 is the first). It is a random share ("full jitter") of a ceiling.
 * The ceiling grows with every attempt up to `maxMs`. Without jitter the pause is the ceiling itself.
 */
export function backoffDelay(
  attempt: number,
  options: { baseMs: number; maxMs: number; multiplier?: number; jitter?: boolean; random?: () => number },
): number {
  const { baseMs, maxMs, multiplier = 2, jitter = true, random = Math.random } = options;
  const ceiling = Math.min(maxMs, baseMs * multiplier ** (attempt - 1));
  return Math.round(jitter ? random() * ceiling : ceiling);
}
