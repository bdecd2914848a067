/** The label of every unknown value. */
export const OTHER = "other";

/**
 * The value if it is known, else "other". Values from outside must not make a new series each time.
 */
export function boundedLabel(value: string | undefined, known: readonly string[]): string {
  return value !== undefined && known.includes(value) ? value : OTHER;
}
