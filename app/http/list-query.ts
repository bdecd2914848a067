import { HttpProblem } from "./problem.ts";

/** The longest that a poll is held (seconds): below the usual limits of proxies. */
export const MAX_WAIT_S = 25;
export const MAX_PER_PAGE = 100;
export const DEFAULT_PER_PAGE = 30;

/** A whole number from a query, or the default where there is none. */
export function wholeNumber(
  text: string | undefined,
  { name, min, max, missing }: { name: string; min: number; max: number; missing: number },
): number {
  if (text === undefined) return missing;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new HttpProblem(
      400,
      `${name}: expected a whole number from ${min} to ${max}, got ${JSON.stringify(text)}`,
    );
  return value;
}

/** One of these words from a query, or undefined where there is none. */
export function oneOf<T extends string>(
  text: string | undefined,
  name: string,
  allowed: readonly T[],
): T | undefined {
  if (text === undefined) return undefined;
  if (allowed.includes(text as T)) return text as T;
  throw new HttpProblem(400, `${name}: expected one of ${allowed.join(", ")}, got ${JSON.stringify(text)}`);
}

export function perPage(text: string | undefined): number {
  return wholeNumber(text, { name: "per_page", min: 1, max: MAX_PER_PAGE, missing: DEFAULT_PER_PAGE });
}

/** Where a list goes on: the sort key of the last item shown. Opaque to clients. */
export function encodeCursor(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

/** Whether either engine can compare it with what it keeps. */
function isStorable(part: string | number): boolean {
  return typeof part === "string" ? !part.includes("\0") : Number.isSafeInteger(part);
}

/**
 * The sort key in a cursor, whose parts are of these kinds.
 * @throws {HttpProblem} 400 when it is none of this list's.
 */
export function decodeCursor<K extends readonly (string | number)[]>(
  text: string | undefined,
  kinds: { [I in keyof K]: K[I] extends number ? "number" : "string" },
): K | undefined {
  if (text === undefined) return undefined;
  try {
    const key: unknown = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    if (
      Array.isArray(key) &&
      key.length === kinds.length &&
      key.every((part, index) => typeof part === kinds[index] && isStorable(part))
    )
      return key as unknown as K;
  } catch {
    // Said below.
  }
  throw new HttpProblem(400, "cursor: expected the next_cursor of an earlier answer, unchanged");
}
