import { z } from "zod";
import { storableText } from "../../store/storable-text.ts";

/** A person's request to move the high-water mark of a target's runs. */
export const markRequest = z.object({
  run_id: z.int().positive().describe("the newest run that counts as deployed; earlier ones are superseded"),
  reason: z.string().trim().min(1).max(500).transform(storableText),
});
