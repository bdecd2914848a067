import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import { appFile } from "../../app/bundle/entry-points.ts";

interface Description {
  paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
}
type Schema = Record<string, unknown>;

/** The needed part of GitHub's own description of its API (OpenAPI 3.0). `pin-api-description.ts` makes it. */
export const PINNED = fileURLToPath(appFile("../test/simulator/api-description.json"));

/** GitHub's own description of its API (OpenAPI 3.0), which checks the simulator's answers. */
export class GitHubApiDescription {
  readonly #description: Description;
  readonly #ajv: Ajv;
  readonly #paths: Map<string, string>;

  constructor() {
    this.#description = withNullAsType(JSON.parse(readFileSync(PINNED, "utf8"))) as Description;
    this.#paths = new Map(Object.keys(this.#description.paths).map((path) => [withoutNames(path), path]));
    // GitHub uses keywords and formats of its own, which ajv ignores here.
    this.#ajv = new Ajv({ strict: false, allErrors: true, logger: false });
    addFormats.default(this.#ajv);
    this.#ajv.addSchema(this.#description as unknown as Schema, "github");
  }

  /** Whether GitHub documents this route; names in braces do not matter. */
  has(method: string, path: string): boolean {
    return this.#operation(method, path) !== undefined;
  }

  /** The validator of a route's JSON answers with this status; undefined for an answer without content. */
  validator(method: string, path: string, status: number): ValidateFunction | undefined {
    const operation = this.#operation(method, path);
    if (!operation) throw new Error(`GitHub documents no ${method} ${path}`);
    const given = operation.responses[status] as Schema | undefined;
    if (!given) throw new Error(`GitHub documents no answer ${status} to ${method} ${path}`);
    const response = typeof given.$ref === "string" ? this.#resolve(given.$ref) : given;
    const content = response.content as Record<string, { schema: Schema }> | undefined;
    let schema = content?.["application/json"]?.schema;
    // The description of the list wrongly demands that an account be a user and an enterprise at once. The
    // description of a single installation is right.
    const items = schema?.items as Schema | undefined;
    if (items?.title === "Installation")
      schema = { type: "array", items: { $ref: "#/components/schemas/installation" } };
    return schema && this.#ajv.compile(withAbsoluteReferences(schema) as Schema);
  }

  #operation(method: string, path: string) {
    const known = this.#paths.get(withoutNames(path));
    return known === undefined ? undefined : this.#description.paths[known]?.[method.toLowerCase()];
  }

  #resolve(reference: string): Schema {
    let found: unknown = this.#description;
    for (const key of reference.slice(2).split("/")) found = (found as Schema)[key];
    return found as Schema;
  }
}

/** `/repos/{owner}/{repo}` and `/repos/{a}/{b}` are one path. */
export function withoutNames(path: string): string {
  return path.replace(/\{\w+\}/g, "{}");
}

/** Turns OpenAPI's `nullable` into JSON Schema's null type; ajv accepts `nullable` only beside a `type`. */
function withNullAsType(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withNullAsType);
  if (typeof value !== "object" || value === null) return value;
  const { nullable, ...rest } = value as Schema;
  const mapped = Object.fromEntries(Object.entries(rest).map(([key, item]) => [key, withNullAsType(item)]));
  if (nullable === true) return { anyOf: [{ type: "null" }, mapped] };
  return nullable === undefined ? mapped : { ...mapped, nullable: withNullAsType(nullable) };
}

function withAbsoluteReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withAbsoluteReferences);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === "$ref" ? `github${item}` : withAbsoluteReferences(item),
    ]),
  );
}
