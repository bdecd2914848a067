// Part of the runtime, but not yet of TypeScript's library for es2024.
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** JSON text that prints every bigint as a plain number with all its digits. */
export function stringifyExact(value: unknown): string {
  return JSON.stringify(value, (_key, item) => (typeof item === "bigint" ? rawJSON(String(item)) : item));
}
