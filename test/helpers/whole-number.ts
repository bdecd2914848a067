/**
 * The whole number that the option `--name` was given, at least `least`.
 * @throws {Error} whose message begins with the option, when it is none.
 */
export function wholeNumber(name: string, text: string, least: number): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < least)
    throw new Error(`--${name}: expected a whole number from ${least} on, got ${text}`);
  return number;
}
