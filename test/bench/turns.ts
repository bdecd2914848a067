/**
 * Measures every subject once a round. Every second round goes backwards, so that a machine that slows down
 * or warms up favours nobody. Returns each subject's results, in the order of the rounds.
 */
export async function takeTurns<S, R>(
  subjects: readonly S[],
  rounds: number,
  measure: (subject: S, round: number) => Promise<R>,
): Promise<Map<S, R[]>> {
  const results = new Map(subjects.map((subject) => [subject, [] as R[]]));
  for (let round = 0; round < rounds; round++)
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed())
      results.get(subject)?.push(await measure(subject, round));
  return results;
}
