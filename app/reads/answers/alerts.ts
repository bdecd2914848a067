import { z } from "zod";

/** The answer to a request for a test alert. */
export const testAlertAnswer = z.object({
  channels: z.array(z.string()).describe("where it is sent: the type and the name of the variable or place"),
});
