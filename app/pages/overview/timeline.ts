import { html } from "hono/html";
import type { Selectable } from "kysely";
import { formatDuration } from "../../../shared/format-duration.ts";
import type { FailoverRow } from "../../store/schema.ts";
import type { Markup } from "../layout.ts";
import { emptyState, list } from "../parts/list.ts";
import { changeState } from "../parts/state.ts";
import { moment } from "../parts/time.ts";

/** Every change of the active endpoint, the newest first. */
export function timeline(changes: readonly Selectable<FailoverRow>[]): Markup {
  return list(
    changes.map(
      (change) => html`<li class="row wide-side" id="change-${change.id}">
        <div class="row-main">
          <p class="row-title">${changeState(change.kind)} ${change.from_endpoint} <span class="muted">to</span> ${change.to_endpoint}</p>
          <p class="row-meta"><span class="reason">${change.reason}</span></p>
        </div>
        <div class="row-side"><span class="small">${outcome(change)}</span> <span class="muted small">${moment(change.detected_at)}</span></div>
      </li>`,
    ),
    emptyState(
      "check",
      "No failover so far",
      "When GitHub has to deliver elsewhere, it is told here, with its cause.",
    ),
  );
}

function outcome({ detected_at, switched_at, abandoned_at }: Selectable<FailoverRow>): string {
  if (switched_at !== null) return `at GitHub after ${formatDuration(switched_at - detected_at)}`;
  return abandoned_at === null ? "GitHub has not taken it yet" : "overtaken by a later change";
}
