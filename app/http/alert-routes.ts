import { Hono } from "hono";
import type { z } from "zod";
import type { Alerts } from "../alerts/alerts.ts";
import { nameOf } from "../auth/viewer.ts";
import { operatorOf, type ViewerCredentials } from "../auth/viewer-of.ts";
import type { testAlertAnswer } from "../reads/answers/alerts.ts";
import type { Audit } from "./audit.ts";
import { HttpProblem } from "./problem.ts";

/** `POST /api/alerts/test`: sends a test alert to every channel. */
export function alertRoutes({
  alerts,
  credentials,
  audit,
}: {
  alerts: Pick<Alerts, "channels" | "sendTestAlert">;
  credentials: ViewerCredentials;
  audit: Audit;
}): Hono {
  const routes = new Hono();

  routes.post("/test", async (c) => {
    const viewer = await operatorOf(c, credentials);
    if (alerts.channels.length === 0)
      throw new HttpProblem(409, "no channel is configured; add one to `alerts` in twinhook.yml");
    const channels = alerts.channels.map(({ id }) => id);
    await audit.run(viewer, "test alert", null, async () => {
      await alerts.sendTestAlert(nameOf(viewer));
      return `on its way to ${channels.join(", ")}`;
    });
    return c.json({ channels } satisfies z.infer<typeof testAlertAnswer>, 202);
  });

  return routes;
}
