import { z } from "zod";

/** A time in an answer: ISO 8601 in UTC. */
export const time = z.iso.datetime();

/** A page of a list, and the place where the next page begins. */
export function listOf<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    next_cursor: z.string().nullable().describe("the `cursor` of the next page; null on the last"),
  });
}

/** An error: RFC 9457. */
export const problemAnswer = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe("what happened, and what to do"),
});
