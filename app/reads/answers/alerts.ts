import { z } from "zod";

/** What is answered to whoever asked for a test alert. */
export const testAlertAnswer = z.object({
  channels: z.array(z.string()).describe("where it is sent: the type and the name of the variable or place"),
});
