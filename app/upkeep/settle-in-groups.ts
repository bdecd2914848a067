/** The number of calls at once: few for GitHub, and enough for a long list. */
const AT_ONCE = 8;

/** The result of one item of a list. */
export type Settled<T, R> = { item: T } & PromiseSettledResult<R>;

/** Does `work` for every item, 8 at a time. Stops after a group in which every item failed. */
export async function settleInGroups<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<Settled<T, R>[]> {
  const settled: Settled<T, R>[] = [];
  for (let start = 0; start < items.length; start += AT_ONCE) {
    const group = items.slice(start, start + AT_ONCE);
    const results = await Promise.allSettled(group.map(work));
    settled.push(...results.map((result, index) => ({ item: group[index] as T, ...result })));
    if (results.every(({ status }) => status === "rejected")) break;
  }
  return settled;
}

/** The error that sets the retry time: a rate limit if there is one, else the first. */
export function failureOf(settled: readonly Settled<unknown, unknown>[]): unknown {
  const reasons = settled.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
  return (
    reasons.find((reason) => [403, 429].includes((reason as { status?: number }).status ?? 0)) ?? reasons[0]
  );
}
