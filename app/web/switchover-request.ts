import { z } from "zod";

/** What a person says about which endpoint is to be the active one. */
export const switchoverRequest = z.object({
  to: z.string().describe("the name of an instance"),
  reason: z
    .string()
    .max(500)
    // PostgreSQL stores no NUL in text.
    .transform((reason) => reason.replaceAll("\0", "\uFFFD"))
    .optional(),
  force: z.boolean().optional().describe("also where it is not healthy"),
});
