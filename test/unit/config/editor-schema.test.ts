import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { editorSchema, REFERENCE, SCHEMA_FILE } from "../../../app/config/editor/json-schema.ts";
import { configSchema } from "../../../app/config/schema.ts";
import { firstConfig } from "../../../app/setup/first-config.ts";

const committed = readFileSync(SCHEMA_FILE, "utf8");
const ajv = new Ajv({ allErrors: true });
addFormats.default(ajv);
const validate = ajv.compile(JSON.parse(committed));
const example = readFileSync("twinhook.example.yml", "utf8");
const change = (from: string, to: string) => {
  expect(example).toContain(from);
  return example.replace(from, to);
};

test("twinhook.schema.json is what `npm run schema` writes", () => {
  expect(committed).toBe(editorSchema(readFileSync(REFERENCE, "utf8")));
});

test("an editor shows what a key means, and its default", () => {
  const { properties } = JSON.parse(committed);
  expect(properties.failover.properties.window.description).toBe(
    "the time that averages and rates look back (default: 60s)",
  );
  expect(properties.targets.items.properties.verify.anyOf[0].properties.url.description).toMatch(
    /\(required\)$/,
  );
});

describe("an editor judges as `twinhook check` does", () => {
  test.each([
    ["the example", example],
    ["an unknown key", change("public_url:", "public_ulr:")],
    ["a duration without a unit", change("window: 60s", "window: 60")],
    ["a duration with a fraction", change("window: 60s", "window: 0.5m")],
    ["an unknown unit", change("window: 60s", "window: 60sec")],
    ["a percentage above 100", change("min_success_rate: 95", "min_success_rate: 950")],
    ["a choice that there is not", change("queue: latest", "queue: newest")],
    ["a missing command", change('run: ["./deploy.sh"]', "")],
    ["a command that is text", change('run: ["./deploy.sh"]', "run: ./deploy.sh")],
    ["the name of a workflow", change("workflow: .github/workflows/ci.yml", "workflow: ci")],
    ["a map in the place of a list", change("alerts: []", "alerts: {}")],
  ])("%s", (_, text) => {
    const value = parse(text);
    expect(validate(value)).toBe(configSchema.safeParse(value).success);
  });
});

test("the example and the file that /setup writes name the schema in their first line", () => {
  const named = (text: string) => /^# yaml-language-server: \$schema=(\S+)\n/.exec(text)?.[1];
  expect(named(example)).toBe("./twinhook.schema.json");
  const first = firstConfig({ urls: ["https://a.example.com"], listens: ["127.0.0.1:1"], admins: [] });
  expect(named(first)).toBe(SCHEMA_FILE.pathname);
  expect(validate(parse(first))).toBe(true);
});
