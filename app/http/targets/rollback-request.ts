import { z } from "zod";
import { storableText } from "../../store/storable-text.ts";

/** A person's request to deploy an earlier commit again. */
export const rollbackRequest = z.object({
  to: z
    .string()
    .regex(/^(previous|dep_[0-9a-z]+|[0-9a-fA-F]{7,64})$/)
    .default("previous")
    .describe("`previous`: the last commit that succeeded before the live one; or a deployment, or a commit"),
  reason: z.string().trim().max(500).transform(storableText).default(""),
  hold: z.boolean().default(true).describe("whether newer runs wait from now on"),
  force: z.boolean().default(false).describe("also to a commit that never succeeded on the target"),
});
