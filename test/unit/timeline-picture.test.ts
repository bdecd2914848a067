import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { TIMELINE_PICTURE, timelinePicture } from "../documentation/timeline-picture.ts";

const read = (file: string) => readFileSync(resolve(import.meta.dirname, "../..", file), "utf8");
const README = read("README.md");

test("the picture of the demo shows the lines of the README; `npm run docs` draws it", () => {
  expect(read(TIMELINE_PICTURE)).toBe(timelinePicture(README));
  expect(README).toContain(`](${TIMELINE_PICTURE})`);
});

test("the picture is well-formed", () => {
  const open: string[] = [];
  const picture = read(TIMELINE_PICTURE);
  for (const [, end, name = "", empty] of picture.matchAll(/<(\/?)([a-z]+)(?: [^<>]*?)?(\/?)>/g)) {
    if (end) expect(open.pop()).toBe(name);
    else if (!empty) open.push(name);
  }
  expect(open).toEqual([]);
  const between = picture.replaceAll(/<style>[\s\S]*?<\/style>|<[^<>]*>/g, "");
  expect(between.replaceAll(/&(amp|lt|gt);/g, "")).not.toMatch(/[<>&]/);
});

test("the picture counts from the kill, and names no process of the machine", () => {
  const picture = timelinePicture(README);
  expect(picture).toContain(">+0.00 s<");
  expect(picture).not.toMatch(/kill -9 \d|process \d/);
});
