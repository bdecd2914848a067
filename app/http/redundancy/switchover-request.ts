import { z } from "zod";
import { storableText } from "../../store/storable-text.ts";

/** A person's request to make an instance the active one. */
export const switchoverRequest = z.object({
  to: z.string().describe("the name of an instance"),
  reason: z.string().max(500).transform(storableText).optional(),
  force: z.boolean().optional().describe("also where it is not healthy"),
});
