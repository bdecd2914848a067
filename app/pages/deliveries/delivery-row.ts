import { html } from "hono/html";
import type { DeliveryRow } from "../../store/schema.ts";
import type { Markup } from "../layout.ts";
import { SOURCES } from "../parts/sources.ts";
import { deliveryState } from "../parts/state.ts";
import { moment } from "../parts/time.ts";

/** A delivery as an entry of a list. */
export function deliveryRow(row: DeliveryRow): Markup {
  return html`<li class="row" id="row-${row.id}">
    <div class="row-main">
      <a class="row-title" href="/deliveries/${row.id}"><bdi>${row.repository || "unknown repository"}</bdi>
        <span class="muted">${whatOf(row)}</span></a>
      <p class="row-meta"><span>${SOURCES[row.source].name}, taken in by ${row.received_by}</span>
        ${row.run_id !== null && html`<span>run ${row.run_id}</span>`}
        ${row.reason !== null && html`<span class="reason">${row.reason}</span>`}</p>
    </div>
    <div class="row-side">${deliveryState(row.outcome)} <span class="muted small">${moment(row.received_at)}</span></div>
  </li>`;
}

/** The event in words, such as `workflow_run completed`. */
export function whatOf({ event, action }: Pick<DeliveryRow, "event" | "action">): string {
  return action === null || action === "" ? event : `${event} ${action}`;
}
