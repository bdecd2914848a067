/**
 * The pause (ms) after the given failed try (1 is the first): a random share ("full jitter") of a ceiling that grows
 * with every try and never passes `maxMs`; without jitter the ceiling itself.
 */
export function backoffDelay(
  attempt: number,
  options: { baseMs: number; maxMs: number; multiplier?: number; jitter?: boolean; random?: () => number },
): number {
  const { baseMs, maxMs, multiplier = 2, jitter = true, random = Math.random } = options;
  const ceiling = Math.min(maxMs, baseMs * multiplier ** (attempt - 1));
  return Math.round(jitter ? random() * ceiling : ceiling);
}
