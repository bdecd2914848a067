import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

type Schema = Record<string, unknown>;
interface Content {
  headers?: Record<string, { required?: boolean }>;
  content?: Record<string, { schema: Schema }>;
}
interface Description {
  paths: Record<string, Record<string, { responses: Record<string, Content>; requestBody?: Content }>>;
  components: { schemas: Record<string, Schema> };
}

/** The App's description of its API, as a judge of its answers; what it does not mention is an error. */
export class ApiDescription {
  readonly #description: Description;
  readonly #ajv: Ajv2020;
  readonly #seen = new Set<string>();

  constructor(description: unknown) {
    this.#description = closed(description) as Description;
    this.#ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats.default(this.#ajv);
    this.#ajv.addSchema(this.#description as unknown as Schema, "twinhook");
  }

  /** Every call, such as `GET /api/deployments/{id}`. */
  get operations(): string[] {
    return Object.entries(this.#description.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
  }

  /** Every call with every status that it is described to answer with: `GET /livez 200`. */
  get answers(): string[] {
    return this.operations.flatMap((operation) =>
      Object.keys(this.#responses(operation)).map((status) => `${operation} ${status}`),
    );
  }

  /** The described answers that none was of so far. */
  get unseen(): string[] {
    return this.answers.filter((answer) => !this.#seen.has(answer));
  }

  /** Why the answer to a call is not as described, or null when it is. */
  async check(operation: string, response: Response): Promise<string | null> {
    const described = this.#responses(operation)[response.status];
    const answer = `${operation} ${response.status}`;
    const text = await response.clone().text();
    if (!described) return `${answer} is not described: ${text}`;
    for (const [name, { required }] of Object.entries(described.headers ?? {}))
      if (required && !response.headers.has(name)) return `${answer} comes without the header ${name}`;
    const type = response.headers.get("content-type")?.split(";")[0] ?? "(none)";
    const schema = described.content?.[type]?.schema;
    if (!schema) return `${answer} is described with ${Object.keys(described.content ?? {})}, and is ${type}`;
    if (type.endsWith("json")) {
      const validate = this.#validator(schema);
      if (!validate(JSON.parse(text)))
        return `${answer}: ${this.#ajv.errorsText(validate.errors)} in ${text}`;
    }
    this.#seen.add(answer);
    return null;
  }

  #responses(operation: string): Record<string, Content> {
    const [method = "", path = ""] = operation.split(" ");
    const described = this.#description.paths[path]?.[method.toLowerCase()];
    if (!described) throw new Error(`${operation} is not described`);
    return described.responses;
  }

  #validator(schema: Schema): ValidateFunction {
    const text = JSON.stringify(schema).replaceAll('"#/', '"twinhook#/');
    return this.#ajv.compile(JSON.parse(text) as Schema);
  }
}

/** The same schemas, with nothing allowed that they do not name: an answer must not hold what nobody described. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, closed(inner)]);
  const copy = Object.fromEntries(entries) as Schema;
  const isSchema = copy.type === "object" && typeof copy.properties === "object";
  return isSchema ? { ...copy, additionalProperties: false } : copy;
}
