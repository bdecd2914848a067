import { html } from "hono/html";
import type { AuditEntry } from "../../http/audit.ts";
import type { Markup } from "../layout.ts";
import { emptyState } from "../parts/list.ts";
import { moment } from "../parts/time.ts";

/** Who did what, and with which outcome. */
export function auditSection(entries: readonly AuditEntry[]): Markup {
  return html`<section class="box" id="audit" aria-labelledby="audit-title">
    <header><h2 id="audit-title">What people did</h2></header>
    ${
      entries.length === 0
        ? emptyState(
            "clock",
            "Nothing yet",
            "Switchovers, tests, changes, cancels and retries are listed here, with who and when.",
          )
        : html`<div class="scroll" tabindex="0" role="group" aria-label="What people did"><table>
          <thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Outcome</th></tr></thead>
          <tbody>${entries.map(
            ({ at, by, action, details, outcome, instance }) =>
              html`<tr><td class="nowrap">${moment(at)}</td><td><bdi>${by}</bdi></td>
              <td>${action}${details !== null && html` <span class="muted">${details}</span>`}</td>
              <td>${outcome} <span class="muted">(on ${instance})</span></td></tr>`,
          )}</tbody>
        </table></div>`
    }
  </section>`;
}
