/** The value below which this share (0 to 1) of the samples lies. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The middle one of several measurements, with the smallest and the largest. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** What several measurements of one thing say together. */
export function spread(values: readonly number[]): Spread {
  return { median: percentile(values, 0.5), min: Math.min(...values), max: Math.max(...values) };
}

/** The speed of one subject to another's, and an interval that holds it with a chance of 90 % or more. */
export interface Comparison {
  ratio: number;
  low: number;
  high: number;
  /** `unclear` where the interval contains 1, or where there were too few rounds for an interval. */
  verdict: "faster" | "slower" | "unclear";
}

/** The chance that an interval holds the true ratio, at least. */
const CONFIDENCE = 0.9;

/**
 * Compares two subjects that were measured in turn, by the ratio of each round: noise that lasts longer than a
 * round hits both. The interval lies between two of the ratios, so a few bad rounds do not widen it.
 * @param own rates, one a round. For times pass the other subject's as `own`.
 * @throws {RangeError} when the subjects were not measured equally often.
 */
export function compare(own: readonly number[], other: readonly number[]): Comparison {
  if (own.length !== other.length)
    throw new RangeError(`expected as many rounds of both subjects, got ${own.length} and ${other.length}`);
  const ratios = own.map((rate, round) => rate / (other[round] as number)).sort((a, b) => a - b);
  const skip = outside(ratios.length);
  const [low, high] =
    skip === null ? [0, Number.POSITIVE_INFINITY] : [ratios[skip] as number, ratios.at(-1 - skip) as number];
  return {
    ratio: percentile(ratios, 0.5),
    low,
    high,
    verdict: low > 1 ? "faster" : high < 1 ? "slower" : "unclear",
  };
}

/**
 * How many of the lowest and of the highest of `count` values lie outside of the median's interval; null where
 * even all of them are too few. Each value lies below the true median as often as a coin shows heads.
 */
function outside(count: number): number | null {
  let chance = 0.5 ** count;
  let tail = 0;
  let skip: number | null = null;
  for (let heads = 0; heads < count / 2; heads++) {
    tail += chance;
    if (1 - 2 * tail < CONFIDENCE) break;
    skip = heads;
    chance *= (count - heads) / (heads + 1);
  }
  return skip;
}
