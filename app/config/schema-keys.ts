import { z } from "zod";

/** The schema at `path`; undefined where no schema with fixed keys leads there. */
export function schemaAt(schema: z.ZodType, path: readonly PropertyKey[]): unknown {
  let at: unknown = schema;
  for (const part of path) {
    const inner = unwrap(at);
    if (inner instanceof z.ZodArray) at = inner.element;
    else if (inner instanceof z.ZodObject) at = inner.shape[String(part)];
    else return undefined;
  }
  return at;
}

/** The keys that the schema allows in the object at `path`; none where its keys are not fixed. */
export function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const at = unwrap(schemaAt(schema, path));
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

/** The schema inside defaults, optional fields and transformations. */
export function unwrap(schema: unknown): unknown {
  if (schema instanceof z.ZodPipe) return unwrap(schema.in);
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
  )
    return unwrap(schema.unwrap());
  return schema;
}
