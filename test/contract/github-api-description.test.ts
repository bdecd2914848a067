import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";
import { PINNED } from "../simulator/github-api-description.ts";
import { partOf, textOf } from "../simulator/pin-api-description.ts";

const text = readFileSync(PINNED, "utf8");
const pinned = () => JSON.parse(text);

test("the pinned part of GitHub's API description names its package, version and file", () => {
  expect(pinned()["x-source"]).toEqual({
    package: "@octokit/openapi",
    version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    file: "generated/api.github.com.json",
  });
});

test("the pinned part of GitHub's API description is a valid OpenAPI document", async () => {
  expect(await new Validator().validate(pinned())).toMatchObject({ valid: true });
});

test("the pinned part of GitHub's API description is just what the simulated GitHub's routes need", () => {
  expect(text).toBe(textOf(partOf(pinned())));
});

test("a description that lacks a schema which an answer refers to is refused", () => {
  const description = pinned();
  delete description.components.schemas["app-permissions"];
  expect(() => partOf(description)).toThrow(
    "refers to #/components/schemas/app-permissions, which it does not have",
  );
});
