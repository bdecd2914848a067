/** What stands for every value that is not among the known ones. */
export const OTHER = "other";

/**
 * The value itself where it is known, else "other": what comes from outside must not make a new series each time.
 */
export function boundedLabel(value: string | undefined, known: readonly string[]): string {
  return value !== undefined && known.includes(value) ? value : OTHER;
}
