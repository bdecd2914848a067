import { STATUS_CODES } from "node:http";
import { z } from "zod";
import { INSTANCE_HEADER } from "../../../shared/instance-header.ts";
import { VERSION } from "../../version.ts";
import { OPERATIONS, type Operation } from "./operations.ts";
import { ANSWERS, componentSchemas } from "./schemas.ts";
import { SECURITY_SCHEMES, securityOf } from "./security.ts";

/** Statuses that come with a Retry-After header. */
const TELL_WHEN = [429, 503];

/** The header that every answer of an instance has. */
const BY_INSTANCE = {
  [INSTANCE_HEADER]: {
    description: "the name of the instance that answers; an answer without it is not Twinhook's",
    required: true,
    schema: { type: "string" },
  },
};

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

/**
 * Describes the API (OpenAPI 3.1) from the schemas that read requests and write answers.
 * @param servers the instances, in order of preference.
 */
export function describeApi(servers: readonly { url: string; description: string }[]) {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of OPERATIONS) {
    const { path, method } = operation;
    paths[path] = { ...paths[path], [method]: describeOperation(operation) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Twinhook",
      version: VERSION,
      description:
        "The HTTP interface of every instance. Unknown fields in requests are ignored; errors are problem documents (RFC 9457). The pages and the WebSockets are not part of this description.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers,
    paths,
    components: { schemas: componentSchemas(), securitySchemes: SECURITY_SCHEMES },
  };
}

function describeOperation(operation: Operation) {
  const { path, method, summary, proofs, query, request, answers, problems } = operation;
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    required: false,
    schema: withoutDialect(z.toJSONSchema(schema as z.ZodType, { io: "input" })),
  }));
  return {
    operationId: `${method} ${path}`.replaceAll(/[^a-z]+([a-z])?/g, (_, letter: string = "") =>
      letter.toUpperCase(),
    ),
    summary,
    security: securityOf(proofs),
    ...(inPath.length + inQuery.length > 0 && { parameters: [...inPath, ...inQuery] }),
    ...(request && {
      requestBody: { required: true, content: { "application/json": { schema: bodyOf(request) } } },
    }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, body]) => [status, answerOf(status, body)]),
      ),
      ...Object.fromEntries(problems.map((status) => [status, problemOf(status)])),
    },
  };
}

function bodyOf(request: NonNullable<Operation["request"]>) {
  if (request === "json") return { type: "object" };
  return request.length === 1 ? ref(request[0] as string) : { anyOf: request.map(ref) };
}

function answerOf(status: string, body: Operation["answers"][number]) {
  const content =
    body in ANSWERS ? { "application/json": { schema: ref(body) } } : { [body]: { schema: anything(body) } };
  return { description: STATUS_CODES[status] ?? status, headers: BY_INSTANCE, content };
}

function anything(mediaType: string) {
  return { type: mediaType === "application/json" ? "object" : "string" };
}

function problemOf(status: number) {
  const retryAfter = { description: "seconds to wait", schema: { type: "integer" } };
  return {
    description: STATUS_CODES[status] ?? String(status),
    headers: { ...BY_INSTANCE, ...(TELL_WHEN.includes(status) && { "Retry-After": retryAfter }) },
    content: { "application/problem+json": { schema: ref("Problem") } },
  };
}

function withoutDialect({ $schema: _dialect, ...schema }: Record<string, unknown>) {
  return schema;
}
