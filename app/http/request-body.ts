import type { Context } from "hono";
import type { z } from "zod";
import { HttpProblem } from "./problem.ts";

/** The body of a request. Refuses any other than `expected` (422). */
export async function bodyOf<T extends z.ZodType>(
  c: Context,
  schema: T,
  expected: string,
): Promise<z.infer<T>> {
  const parsed = schema.safeParse(await c.req.json().catch(() => undefined));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.length ? `${issue.path.join(".")}: ${issue.message}; ` : "";
  throw new HttpProblem(422, `${where}expected ${expected}`);
}
