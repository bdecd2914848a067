import { Hono } from "hono";
import { isoTime } from "../clock.ts";
import { visibleRepositories } from "../sign-in/viewer.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { DeliveryRow } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
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
    const rows = await store.read
      .selectFrom("deliveries")
      .selectAll()
      .$if(after !== undefined, (q) => {
        const [at, id] = after as [number, string];
        return q.where((e) =>
          e.or([e("received_at", "<", at), e.and([e("received_at", "=", at), e("id", "<", id)])]),
        );
      })
      .$if(visible !== null, (q) => q.where("repository", "in", visible ?? []))
      .$if(repository !== undefined, (q) => q.where("repository", "=", repositoryKey(repository ?? "")))
      .$if(guid !== undefined, (q) => q.where("guid", "=", guid ?? ""))
      .$if(event !== undefined, (q) => q.where("event", "=", event ?? ""))
      .$if(outcome !== undefined, (q) => q.where("outcome", "=", outcome as DeliveryRow["outcome"]))
      .orderBy("received_at", "desc")
      .orderBy("id", "desc")
      .limit(limit + 1)
      .execute();
    const page = rows.slice(0, limit);
    const last = rows.length > limit ? page.at(-1) : undefined;
    return c.json({
      items: page.map(present),
      next_cursor: last ? encodeCursor([last.received_at, last.id]) : null,
    });
  });

  return routes;
}

function present(row: DeliveryRow) {
  const { deployment_ids, received_at, ...rest } = row;
  return { ...rest, received_at: isoTime(received_at), deployments: JSON.parse(deployment_ids) as string[] };
}
