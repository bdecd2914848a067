import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { LONGEST } from "../helpers/longest-files.ts";

it("every test file that is to begin first exists", () => {
  expect(LONGEST.filter((file) => !existsSync(file))).toEqual([]);
});
