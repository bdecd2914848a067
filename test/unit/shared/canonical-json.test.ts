import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson } from "../../../shared/canonical-json.ts";

/** The same value with the keys of all its objects in another order. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, part]) => [key, turned(part)]);
  return Object.fromEntries(entries.reverse());
}

test("the text says what the value says, and is the same in whatever order the keys come", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const plain = JSON.parse(JSON.stringify(value));
      expect(JSON.parse(canonicalJson(plain))).toEqual(plain);
      expect(canonicalJson(turned(plain))).toBe(canonicalJson(plain));
    }),
  );
});

test("what is undefined is left out, and lists keep their order", () => {
  expect(canonicalJson({ b: undefined, c: [2, 1], a: { z: 1, y: null } })).toBe(
    '{"a":{"y":null,"z":1},"c":[2,1]}',
  );
});
