import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { parseInputs } from "../../action/input/inputs.ts";

const read = (file: string) => parse(readFileSync(resolve(import.meta.dirname, "../..", file), "utf8"));

/** @see https://github.com/typesafegithub/github-actions-typing#available-types */
const single = [
  z.strictObject({ type: z.enum(["string", "boolean", "integer", "float"]) }),
  z.strictObject({ type: z.literal("enum"), "allowed-values": z.array(z.string().min(1)).min(1) }),
] as const;
const typing = z.union([
  ...single,
  z.strictObject({ type: z.literal("list"), separator: z.string().min(1), "list-item": z.union(single) }),
]);
const types = z
  .strictObject({ inputs: z.record(z.string(), typing), outputs: z.record(z.string(), typing) })
  .parse(read("action-types.yml"));
const action = read("action.yml") as {
  inputs: Record<string, { default?: string }>;
  outputs: Record<string, unknown>;
};

/** What each type must refuse and take. An integer of the Action starts at 1. */
const SAMPLES = { boolean: [["true", "false"], "yes"], integer: [["1", "2"], "1.5"] } as const;
const samplesOf = (type: z.output<typeof typing>): readonly [readonly string[], string] | undefined =>
  type.type === "enum" ? [type["allowed-values"], "another"] : SAMPLES[type.type as keyof typeof SAMPLES];
const given = { endpoints: "https://a.example.com", environment: "production", "github-token": "x" };
const OIDC = { ACTIONS_ID_TOKEN_REQUEST_URL: "https://x", ACTIONS_ID_TOKEN_REQUEST_TOKEN: "x" };
const run = (values: Record<string, string>) =>
  parseInputs((name) => ({ ...given, ...values })[name] ?? action.inputs[name]?.default ?? "", OIDC);

test("action-types.yml gives every input and output of action.yml a type, and no others", () => {
  expect(Object.keys(types.inputs)).toEqual(Object.keys(action.inputs));
  expect(Object.keys(types.outputs)).toEqual(Object.keys(action.outputs));
});

test.each(Object.entries(types.inputs))("the Action takes %s as its type says", (name, type) => {
  const [right, wrong] = samplesOf(type) ?? [[], undefined];
  for (const value of right) expect(() => run({ [name]: value })).not.toThrow();
  if (wrong !== undefined) expect(() => run({ [name]: wrong })).toThrow(name);
});

test("several endpoints stand on a line each", () => {
  const { separator } = types.inputs.endpoints as { separator: string };
  const urls = ["https://a.example.com", "https://b.example.com"];
  expect(run({ endpoints: urls.join(separator) }).endpoints).toHaveLength(2);
});
