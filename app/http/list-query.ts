import { HttpProblem } from "./problem.ts";

/** The longest time that a poll is held (seconds): less than the usual limits of proxies. */
export const MAX_WAIT_S = 25;
export const MAX_PER_PAGE = 100;
export const DEFAULT_PER_PAGE = 30;

/** A whole number from a query, or the default when it is absent. */
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

/** One of these words from a query, or undefined when it is absent. */
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

/** The place where the next page begins: the sort key of the last item. Opaque to clients. */
export function encodeCursor(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

/** Whether both engines can compare the value with stored ones. */
function isStorable(part: string | number): boolean {
  return typeof part === "string" ? !part.includes("\0") : Number.isSafeInteger(part);
}

/**
 * Reads the sort key from a cursor; its parts must have these types.
 * @throws {HttpProblem} 400 when the cursor does not fit this list.
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
    // The error below covers this case.
  }
  throw new HttpProblem(400, "cursor: expected the next_cursor of an earlier answer, unchanged");
}
