/** Part of the runtime, but not yet of TypeScript's library. */
type Reviver = (key: string, value: unknown, context: { source: string }) => unknown;
const exact = JSON as unknown as {
  parse(text: string, reviver: Reviver): unknown;
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): boolean;
};

/**
 * Parses JSON and keeps the text of each number. So 64-bit integers and 1e400 print unchanged.
 * @throws {SyntaxError} for invalid JSON, {RangeError} for JSON that is nested too deeply.
 */
export function parseExact(text: string): unknown {
  return exact.parse(text, (_, value, { source }) =>
    typeof value === "number" ? exact.rawJSON(source) : value,
  );
}

/** Prints a value of {@link parseExact}, or one with large integers as bigint. */
export function stringifyExact(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_, part) => exactPart(part), indent);
}

/**
 * JSON whose text depends on the value alone: the keys of objects are sorted. So a signature is still valid
 * after GitHub has stored the value and returned it.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part) && !exact.isRawJSON(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : exactPart(part),
  );
}

function exactPart(part: unknown): unknown {
  return typeof part === "bigint" ? exact.rawJSON(String(part)) : part;
}

/** A string, or another token without white space. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** The text of a member's value in the JSON text of an object; undefined when there is no such member. */
export function memberText(json: string, name: string): string | undefined {
  let depth = 0;
  let start: number | undefined;
  let key: string | undefined;
  let end = 0;
  let found: string | undefined;
  for (const { 0: token, index } of json.matchAll(TOKEN)) {
    if (token === "}" || token === "]") depth -= 1;
    if (depth === 0 || (depth === 1 && token === ",")) {
      // With several members of one name the last one counts, as for JSON.parse.
      if (start !== undefined) found = json.slice(start, end);
      start = undefined;
      key = undefined;
    } else if (depth === 1 && token === ":" && start === undefined) {
      if (key !== undefined && JSON.parse(key) === name) start = index + 1;
    } else if (depth === 1 && start === undefined) key = token;
    if (token === "{" || token === "[") depth += 1;
    end = index + token.length;
  }
  return found?.trim();
}
