/**
 * The pause after the given failed round (1 is the first): a random share ("full jitter") of a ceiling that
 * doubles with every round and never passes `maxMs`.
 */
export function backoffDelay(
  round: number,
  { baseMs, maxMs, random = Math.random }: { baseMs: number; maxMs: number; random?: () => number },
): number {
  return Math.round(random() * Math.min(maxMs, baseMs * 2 ** (round - 1)));
}
