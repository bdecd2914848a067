/**
 * JSON whose text depends on the value alone: the keys of objects are sorted. What is signed here is still the same
 * after GitHub has stored it and handed it back.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
