import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { INPUT_DEFAULTS } from "../../action/input/inputs.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const action = parse(readFileSync(resolve(ROOT, "action.yml"), "utf8")) as {
  inputs: Record<string, Record<string, unknown>>;
  outputs: Record<string, Record<string, unknown>>;
  runs: Record<string, string>;
  description: string;
  branding: { icon: string; color: string };
};

/** @see https://docs.github.com/en/actions/reference/workflows-and-actions/metadata-syntax */
const COLORS = ["white", "black", "yellow", "blue", "green", "orange", "red", "purple", "gray-dark"];

test("action.yml has the keys that GitHub reads, and no others", () => {
  expect(Object.keys(action).toSorted()).toEqual(
    ["branding", "description", "inputs", "name", "outputs", "runs"].toSorted(),
  );
  expect(COLORS).toContain(action.branding.color);
  // The Marketplace shows no more.
  expect(action.description.length).toBeLessThan(125);
});

test("the Action runs on Node 24, from a file that is in the repository", () => {
  expect(action.runs.using).toBe("node24");
  expect(existsSync(resolve(ROOT, action.runs.main ?? ""))).toBe(true);
});

test.each(Object.entries(action.inputs))("the input %s is declared as GitHub reads it", (name, input) => {
  expect(name).toMatch(/^[a-z][a-z-]*$/);
  expect(Object.keys(input)).toEqual(
    expect.arrayContaining(["description", "required"].filter((key) => key in input)),
  );
  expect(typeof input.description).toBe("string");
  expect(typeof input.required).toBe("boolean");
  // GitHub hands every default on as text; YAML must not make a number of it.
  if ("default" in input) expect(typeof input.default).toBe("string");
  // GitHub does not enforce `required`, and a default would hide that it is missing.
  if (input.required) expect(input).not.toHaveProperty("default");
  // The one default that the runner fills in.
  if (name !== "github-token") expect(input.default).toBe((INPUT_DEFAULTS as Record<string, string>)[name]);
});

test.each(Object.entries(action.outputs))("the output %s is described", (name, output) => {
  expect(name).toMatch(/^[a-z][a-z-]*$/);
  expect(Object.keys(output)).toEqual(["description"]);
});
