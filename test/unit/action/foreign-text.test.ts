import { expect, test } from "vitest";
import { cleanLine, cleanText, createRedactor, fencedLines } from "../../../action/foreign-text.ts";

test("terminal sequences, control characters and marks that reorder text are removed", () => {
  expect(cleanText("\u001b[31mred\u001b[0m\u0000\u0007 a\u202eb\u200bc\u2066\ufeff\r\nnext\rlast")).toBe(
    "red abc\nnext\nlast",
  );
});

test("long text is cut, and a cut in the middle of a character leaves no half of it", () => {
  expect(cleanText("x".repeat(5_000))).toHaveLength(2_001);
  expect(cleanText("ab🙂", 3).isWellFormed()).toBe(true);
  expect(cleanText("\ud83d lonely")).not.toContain("\ud83d");
});

test("a line stays one line", () => {
  expect(cleanLine("a\n::error::b\r\nc")).toBe("a ::error::b c");
});

test("commands in foreign text stand between a stop and a start that the text cannot know", () => {
  const text = "::set-output name=a::b\n::stop-commands::x\n::x::";
  const lines = fencedLines(text).trimEnd().split("\n");
  const word = /^::stop-commands::([0-9a-f-]{36})$/.exec(lines[0] ?? "")?.[1];
  expect(lines.at(-1)).toBe(`::${word}::`);
  expect(lines.slice(1, -1).join("\n")).toBe(text);
  expect(fencedLines(text)).not.toBe(fencedLines(text));
});

test("secrets are replaced wherever they stand, the longer one first", () => {
  const redact = createRedactor(["abcdefgh", "whsec_abcdefgh", "", "short"]);
  expect(redact("x whsec_abcdefgh y abcdefgh short")).toBe("x *** y *** short");
});
