import { Hono } from "hono";
import { isoTime } from "../clock.ts";
import { visibleRepositories } from "../sign-in/viewer.ts";
import type { DeliveryRow } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { type DeliveryPlace, listDeliveries } from "./list-deliveries.ts";
import { decodeCursor, encodeCursor, perPage } from "./list-query.ts";
import { type ViewerCredentials, viewerOf } from "./viewer-of.ts";

/** `/api/deliveries`: what arrived, and what became of it. */
export function deliveryRoutes(options: { store: Store; credentials: ViewerCredentials }): Hono {
  const { store, credentials } = options;
  const routes = new Hono();

  routes.get("/", async (c) => {
    const visible = visibleRepositories(await viewerOf(c, credentials));
    const limit = perPage(c.req.query("per_page"));
    const after = decodeCursor(c.req.query("cursor"));
    const { repository, guid, event, outcome } = c.req.query();
    const { rows, next } = await listDeliveries(store, {
      visible,
      filter: { repository, guid, event, outcome: outcome as DeliveryRow["outcome"] | undefined },
      before: after as DeliveryPlace | undefined,
      limit,
    });
    return c.json({
      items: rows.map(present),
      next_cursor: next === null ? null : encodeCursor(next),
    });
  });

  return routes;
}

function present(row: DeliveryRow) {
  const { deployment_ids, received_at, ...rest } = row;
  return { ...rest, received_at: isoTime(received_at), deployments: JSON.parse(deployment_ids) as string[] };
}
