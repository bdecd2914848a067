/**
 * The barrier before a run on a target with `queue: all`. GitHub numbers the runs of a workflow from 1
 * without gaps. A missing earlier run is therefore seen by its number, whatever the clock says.
 */

/** Run numbers, both ends included. */
export type NumberRange = readonly [from: number, to: number];

/** The runs before a waiting one that have no record here. */
export interface Gap {
  missing: readonly NumberRange[];
  /**
   * Whether a run has begun on this target before. Without one, the missing numbers may not concern the
   * target.
   */
  sure: boolean;
}

/**
 * Returns the gap before the run of this number; null where none is missing and the run may begin.
 * `base` is the number of the newest run that began on the target, null where none is known. `accounted`
 * holds the numbers of earlier runs that need no wait.
 */
export function gapBefore(number: number, base: number | null, accounted: Iterable<number>): Gap | null {
  const missing: NumberRange[] = [];
  let next = (base ?? 0) + 1;
  for (const known of [...accounted, number].sort((a, b) => a - b)) {
    if (known > number) break;
    if (known > next) missing.push([next, known - 1]);
    if (known >= next) next = known + 1;
  }
  return missing.length === 0 ? null : { missing, sure: base !== null };
}

/** The first number of a gap that `isResolved` does not accept; null where it accepts all. */
export function firstUnresolved(gap: Gap, isResolved: (number: number) => boolean): number | null {
  for (const [from, to] of gap.missing)
    for (let number = from; number <= to; number++) if (!isResolved(number)) return number;
  return null;
}

/** Names the missing runs in words. */
export function describeGap({ missing, sure }: Gap, number: number): string {
  const [first, ...others] = missing as [NumberRange, ...NumberRange[]];
  if (!sure) return `the runs before #${number}`;
  const last = others.at(-1) ?? first;
  if (first[0] === last[1]) return `run #${first[0]}`;
  return others.length === 0
    ? `runs #${first[0]} to #${last[1]}`
    : `some of the runs #${first[0]} to #${last[1]}`;
}

/** The reason shown on a queued deployment while it waits for earlier runs. */
export function describeWait(gap: string, workflow: string, cause: string): string {
  return `waits for ${gap} of ${workflow}: ${cause}`;
}
