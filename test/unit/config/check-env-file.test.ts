import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, test } from "vitest";
import { addEnvFile } from "../../../app/config/environment/env-file.ts";
import { temporaryDirectory } from "../../helpers/stores.ts";

/** Adds a file of this content to an empty environment. */
function read(text: string): NodeJS.ProcessEnv {
  const file = join(temporaryDirectory(), ".env");
  writeFileSync(file, text);
  const env = {};
  addEnvFile(env, file);
  return env;
}

/** What a shell takes `A` for. */
function shellReads(text: string): string {
  const script = `${text}\nprintf %s "$A"`;
  return execFileSync("/bin/sh", ["-c", script], { env: {}, encoding: "utf8" });
}

describe("a value that Node and a shell read alike is taken", () => {
  test.each([
    "A=abc",
    "export A=abc",
    "A=abc # why",
    "A='abc#def' # why",
    'A="abc#def"',
    "A='x $y `z` \\ & \"'",
    'A="one\nB=abc#def"',
    "A=postgres://u@h/db?a=1",
    "# B=abc#def\nA=abc",
    "A=",
  ])("%s", (text) => {
    const { A = "" } = parseEnv(text);
    expect([read(text).A ?? "", shellReads(text)]).toEqual([A, A]);
  });
});

describe("a value that the two read differently is refused, with its line and the remedy", () => {
  test.each([
    "abc#def",
    "#def",
    "x y",
    "x$y",
    "x&y",
    "'x'y",
    "'x'#y",
    '"x$y"',
    '"x\\\\y"',
    "x\\y",
    'x"y"',
    "~/x",
    '"open',
  ])("%s", (value) => {
    const text = `# a comment\nB='1\n2'\nA=${value}\nC=3\n`;
    expect(() => read(text)).toThrow(
      /\.env:4: A: expected a value that Node and a shell read alike.*; put it in single quotes: A='…'$/m,
    );
  });
});

test("the value, which may be a secret, is not shown", () => {
  expect(() => read("A=hunter#2")).toThrow(/^(?!.*hunter).*Node cuts off there/s);
});
