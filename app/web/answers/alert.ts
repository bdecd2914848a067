import { z } from "zod";

/** To which channels a test alert is on its way. */
export const testAlertAnswer = z.object({ channels: z.array(z.string()) });

export type TestAlertAnswer = z.infer<typeof testAlertAnswer>;
