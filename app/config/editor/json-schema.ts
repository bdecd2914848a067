/** `npm run schema`: writes `twinhook.schema.json`, by which editors check and complete `twinhook.yml`. */
import { readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { appFile } from "../../bundle/entry-points.ts";
import { configSchema } from "../schema.ts";

/** The file that editors read; it is committed. */
export const SCHEMA_FILE = appFile("../twinhook.schema.json");
/** As `parseDuration` reads it. */
const DURATION = { type: "string", pattern: "^\\s*\\d+(\\.\\d+)?\\s*(ms|s|m|h|d)\\s*$" } as const;

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** The page whose table says what each key means. */
export const REFERENCE = appFile("../docs/reference/configuration.md");

/** The text of `twinhook.schema.json`: the shape from the code, the words from the reference's table of keys. */
export function editorSchema(readme: string): string {
  const schema = z.toJSONSchema(configSchema, {
    io: "input",
    target: "draft-7",
    // A type that JSON Schema cannot express allows everything; `twinhook check` knows better.
    unrepresentable: "any",
    override: ({ jsonSchema }) => {
      if (!("duration" in jsonSchema)) return;
      delete jsonSchema.duration;
      Object.assign(jsonSchema, DURATION);
    },
  });
  describe(schema, "", meanings(readme));
  return `${JSON.stringify({ ...schema, title: "twinhook.yml" }, null, 2)}\n`;
}

/** What the reference's table says about each key. */
function meanings(readme: string): Map<string, string> {
  const rows = readme.matchAll(/^\| `([^`]+)` +\| (.+?) +\| (.+?) +\|$/gm);
  const plain = (text: string) => text.replaceAll(/\[([^\]]+)\]\([^)]+\)/g, "$1").replaceAll("`", "");
  return new Map(
    [...rows].map(([, key = "", standard = "", meaning = ""]) => [
      key,
      `${plain(meaning)} (${/^required/.test(standard) ? "" : "default: "}${plain(standard)})`,
    ]),
  );
}

/** Adds the meaning of each key below `key` to its schema. */
function describe(schema: JsonSchema, key: string, meaning: ReadonlyMap<string, string>): void {
  for (const choice of schema.anyOf ?? []) describe(choice as JsonSchema, key, meaning);
  if (schema.items) describe(schema.items as JsonSchema, `${key}[]`, meaning);
  for (const [name, value] of Object.entries(schema.properties ?? {})) {
    const path = key === "" ? name : `${key}.${name}`;
    const text = meaning.get(path);
    if (text !== undefined) (value as JsonSchema).description = text;
    describe(value as JsonSchema, path, meaning);
  }
}

if (import.meta.main) writeFileSync(SCHEMA_FILE, editorSchema(readFileSync(REFERENCE, "utf8")));
