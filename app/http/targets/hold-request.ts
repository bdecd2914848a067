import { z } from "zod";
import { storableText } from "../../store/storable-text.ts";

/** A person's request to hold a target. */
export const holdRequest = z.object({
  reason: z.string().trim().min(1).max(500).transform(storableText),
  until: z.iso.datetime({ offset: true }).nullish().describe("when the hold ends by itself; null: never"),
});
