import { z } from "zod";

/** Whether an instance is live, and whether it can commit right now. */
export const healthAnswer = z.object({
  instance: z.string(),
  status: z.enum(["live", "ready", "not ready", "shutting down"]),
  detail: z.string().optional().describe("why it is not ready"),
});

export type HealthAnswer = z.infer<typeof healthAnswer>;
