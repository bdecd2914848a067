import { z } from "zod";

/** The high-water mark of a target: runs below it are superseded. */
export const markAnswer = z.object({
  repository: z.string(),
  target: z.string(),
  run_id: z.int(),
  previous_run_id: z.int().nullable().describe("what the mark was before; null where nothing was deployed"),
  reason: z.string(),
});

export type MarkAnswer = z.infer<typeof markAnswer>;
