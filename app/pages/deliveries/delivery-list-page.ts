import { html } from "hono/html";
import { DEPLOYMENT_SOURCES } from "../../../shared/deployment.ts";
import { maySee, type Viewer, visibleRepositories } from "../../auth/viewer.ts";
import { decodeCursor, encodeCursor } from "../../http/list-query.ts";
import {
  type DeliveryFilter,
  type DeliveryPlace,
  ECHOES,
  listDeliveries,
} from "../../reads/list-deliveries.ts";
import { repositoryKey } from "../../store/repository-key.ts";
import { DELIVERY_OUTCOMES } from "../../store/schema.ts";
import type { LivePage } from "../live-page.ts";
import type { PageOptions } from "../page-options.ts";
import { chosen, filterForm, pager } from "../parts/filters.ts";
import { emptyState, list } from "../parts/list.ts";
import { SOURCES } from "../parts/sources.ts";
import { deliveryRow } from "./delivery-row.ts";

const PER_PAGE = 30;

/** `/deliveries`: all deliveries by every route, with filters and search. */
export async function deliveryListPage(o: PageOptions, viewer: Viewer, url: URL): Promise<LivePage> {
  const query = url.searchParams;
  const repositories = [
    ...new Set(o.config.targets.map(({ repository }) => repository).filter((name) => maySee(viewer, name))),
  ];
  const repository = repositories.find((name) => name === query.get("repository"));
  const found = searched(query.get("q")?.trim() ?? "");
  const { rows, next } =
    found === null
      ? { rows: [], next: null }
      : await listDeliveries(o.store, {
          visible: visibleRepositories(viewer),
          filter: {
            ...found,
            outcome: chosen(query, "outcome", DELIVERY_OUTCOMES),
            source: chosen(query, "source", DEPLOYMENT_SOURCES),
            repository: repository && repositoryKey(repository),
            // A search finds echoes as well.
            withoutEchoes: chosen(query, "echoes", ECHOES) !== "shown" && Object.keys(found).length === 0,
          },
          before: decodeCursor<DeliveryPlace>(query.get("before") ?? undefined, ["number", "string"]),
          limit: PER_PAGE,
        });
  return {
    title: "Deliveries",
    place: "deliveries",
    regions: {
      list: list(
        rows.map(deliveryRow),
        query.size === 0
          ? emptyState(
              "inbox",
              "No delivery yet",
              "What GitHub and the Action send appears here, whatever becomes of it.",
            )
          : emptyState(
              "search",
              "No delivery matches",
              found === null
                ? "Search by GitHub's GUID of a delivery, by a run id, or by a delivery's id."
                : "Choose something else, or clear the filters.",
            ),
      ),
      pager: pager("/deliveries", query, next === null ? null : encodeCursor(next)),
    },
    arrange: (frame) => html`<h1>Deliveries</h1>
      ${filterForm("/deliveries", {
        search: "GUID, run id or delivery id",
        query,
        choices: [
          {
            name: "outcome",
            label: "Outcome",
            options: DELIVERY_OUTCOMES.map((value) => ({ value, text: value })),
          },
          {
            name: "source",
            label: "Route",
            options: DEPLOYMENT_SOURCES.map((value) => ({ value, text: SOURCES[value].name })),
          },
          {
            name: "repository",
            label: "Repository",
            options: repositories.map((value) => ({ value, text: value })),
          },
          {
            name: "echoes",
            label: "GitHub's events of Deployments",
            unchosen: "Echoes of Deployments: hidden",
            options: [{ value: "shown", text: "Echoes of Deployments: shown" }],
          },
        ],
      })}
      <section class="box" aria-label="Deliveries">${frame("list")}</section>
      ${frame("pager")}`,
  };
}

/** The meaning of a search text; null when it can match no delivery. */
function searched(text: string): Pick<DeliveryFilter, "id" | "run" | "guid"> | null {
  if (text === "") return {};
  if (/^dlv_[0-9a-f]+$/.test(text)) return { id: text };
  if (/^\d{1,15}$/.test(text)) return { run: Number(text) };
  if (/^[0-9a-f-]{36}$/i.test(text)) return { guid: text };
  return null;
}
