import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PINNED, withoutNames } from "./github-api-description.ts";
import { ROUTES } from "./routes.ts";

type Json = Record<string, unknown>;

const PACKAGE = "@octokit/openapi";
const FILE = "generated/api.github.com.json";

/** Keywords of a schema that no check of an answer needs. */
const PROSE = ["description", "example", "examples", "externalDocs", "discriminator", "deprecated"];

/** The description as its pinned file holds it. */
export function textOf(description: Json): string {
  return `${JSON.stringify(description, null, 1)}\n`;
}

/**
 * The part of GitHub's API description that the routes of the simulated GitHub need: their JSON answers, and every
 * component that these answers refer to.
 * @throws {Error} when a reference leads nowhere.
 */
export function partOf(description: Json): Json {
  const all = description.paths as Record<string, Record<string, { responses: Json }>>;
  const known = new Map(Object.keys(all).map((path) => [withoutNames(path), path]));
  const paths: Record<string, Json> = {};
  for (const { method, path } of ROUTES) {
    const documented = known.get(withoutNames(path));
    const operation = documented && all[documented]?.[method.toLowerCase()];
    if (!operation) continue;
    const responses = Object.entries(operation.responses).map(([status, response]) => [
      status,
      answerOf(response as Json),
    ]);
    paths[documented] = {
      ...paths[documented],
      [method.toLowerCase()]: { responses: Object.fromEntries(responses) },
    };
  }
  const { openapi, info, "x-source": source } = description;
  const components = componentsOf(description, paths);
  return { openapi, info, "x-source": source, paths: sorted(paths), components };
}

/** Every component that `from` refers to, directly or through other components. */
function componentsOf(description: Json, from: unknown): Json {
  const all = description.components as Record<string, Json>;
  const found: Record<string, Json> = { responses: {}, schemas: {} };
  const waiting = referencesIn(from);
  for (let reference = waiting.pop(); reference; reference = waiting.pop()) {
    const [, , kind = "", name = ""] = reference.split("/");
    if (found[kind]?.[name]) continue;
    const given = all[kind]?.[name] as Json | undefined;
    if (!given) throw new Error(`GitHub's description refers to ${reference}, which it does not have`);
    const component = kind === "responses" ? answerOf(given) : schemaOf(given);
    found[kind] = { ...found[kind], [name]: component };
    waiting.push(...referencesIn(component));
  }
  return Object.fromEntries(Object.entries(found).map(([kind, named]) => [kind, sorted(named)]));
}

function referencesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    key === "$ref" && typeof item === "string" ? [item] : referencesIn(item),
  );
}

/** An answer with only its JSON schema, and the description that OpenAPI requires. */
function answerOf(response: Json): Json {
  if (response.$ref !== undefined) return response;
  const json = (response.content as Record<string, { schema: unknown }> | undefined)?.["application/json"];
  const { description } = response;
  return { description, ...(json && { content: { "application/json": { schema: schemaOf(json.schema) } } }) };
}

/** A schema without prose. Keys below `properties` are names of fields, never keywords. */
function schemaOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(schemaOf);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !PROSE.includes(key) && !key.startsWith("x-"));
  return Object.fromEntries(
    kept.map(([key, item]) => [
      key,
      key === "properties"
        ? Object.fromEntries(Object.entries(item as Json).map(([name, schema]) => [name, schemaOf(schema)]))
        : schemaOf(item),
    ]),
  );
}

function sorted(named: Json): Json {
  return Object.fromEntries(Object.entries(named).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Downloads GitHub's whole description from npm, in a version of the package such as "23.0.2". */
function download(version: string): Json {
  const folder = mkdtempSync(join(tmpdir(), "github-api-"));
  try {
    const run = (command: string, ...args: string[]) =>
      execFileSync(command, args, { cwd: folder, encoding: "utf8", maxBuffer: 2 ** 27 });
    const archive = run("npm", "pack", "--silent", `${PACKAGE}@${version}`).trim();
    const description = JSON.parse(run("tar", "-xzOf", archive, `package/${FILE}`)) as Json;
    return { ...description, "x-source": { package: PACKAGE, version, file: FILE } };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// Makes the pinned file anew: from the version given, or from the same version again.
if (import.meta.main) {
  const pinned = JSON.parse(readFileSync(PINNED, "utf8")) as { "x-source": { version: string } };
  const version = process.argv[2] ?? pinned["x-source"].version;
  writeFileSync(PINNED, textOf(partOf(download(version))));
  console.log(`wrote ${PINNED} from ${PACKAGE} ${version}`);
}
