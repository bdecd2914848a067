import { html } from "hono/html";
import type { Markup } from "../layout.ts";
import { icon } from "../parts/icons.ts";
import { endpointState } from "../parts/state.ts";
import type { Settings } from "./read-settings.ts";

/** The instances, the active one, and the buttons for a switchover. */
export function redundancySection({ endpoints, active, pinned, pinnedReason }: Settings): Markup {
  return html`<section class="box" id="instances" aria-labelledby="instances-title">
    <header><h2 id="instances-title">Instances</h2>
      ${pinned !== null && html`<a class="button small" href="/settings/recovery" data-ask>Release the switchover</a>`}
    </header>
    ${
      pinned !== null &&
      html`<p class="body">${icon("pin")} ${pinned} is kept as the active one by a switchover${pinnedReason ? html` (${pinnedReason})` : ""}.</p>`
    }
    <ul class="rows">${endpoints.map(
      ({ name, url, status, reason }) => html`<li class="page-head">
        <div><strong>${name}</strong> ${endpointState(status)} ${name === active && html`<span class="tag">active</span>`}
          <p class="hint">${url} · ${reason}</p></div>
        ${
          name === active && pinned === name
            ? ""
            : html`<a class="button small" href="/settings/switchover?to=${encodeURIComponent(name)}" data-ask>${
                name === active ? `Keep ${name} active` : `Switch over to ${name}`
              }</a>`
        }
      </li>`,
    )}</ul>
  </section>`;
}
