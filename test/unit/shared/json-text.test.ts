import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson, memberText, parseExact, stringifyExact } from "../../../shared/json-text.ts";

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

const NUMBERS = '{"id":9007199254740993,"huge":1e400,"price":1.10,"list":[-0,12345678901234567890]}';

test("numbers keep their text when they are read exactly and printed again", () => {
  expect(stringifyExact(parseExact(NUMBERS))).toBe(NUMBERS);
  expect(stringifyExact({ id: 9007199254740993n })).toBe('{"id":9007199254740993}');
  expect(canonicalJson(parseExact('{"b":1e400,"a":9007199254740993}'))).toBe(
    '{"a":9007199254740993,"b":1e400}',
  );
});

test("the text of a member is found as it stands, wherever it stands and whatever surrounds it", () => {
  const { string, jsonValue, array, tuple, constantFrom } = fc;
  const members = array(tuple(string(), jsonValue()));
  fc.assert(
    fc.property(
      jsonValue(),
      members,
      members,
      constantFrom("", " ", "\n\t"),
      (value, before, after, space) => {
        const text = JSON.stringify(value, undefined, 2);
        const others = (list: [string, unknown][]) =>
          list
            .filter(([name]) => name !== "payload")
            .map(([name, x]) => `${JSON.stringify(name)}:${JSON.stringify(x)}`);
        const all = [...others(before), `"payload"${space}:${space}${text}${space}`, ...others(after)];
        expect(memberText(`{${all.join(`${space},`)}}`, "payload")).toBe(text);
      },
    ),
  );
  expect(memberText(` { "payload" : ${NUMBERS} } `, "payload")).toBe(NUMBERS);
});

test("a member that is missing, or stands deeper, has no text; of two the last counts", () => {
  expect(memberText('{"a":{"payload":1},"b":["payload"],"c":"payload"}', "payload")).toBeUndefined();
  expect(memberText("[1]", "payload")).toBeUndefined();
  expect(memberText('{"payload":1,"p\\u0061yload":2}', "payload")).toBe("2");
});
