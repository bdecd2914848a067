import { html } from "hono/html";
import type { Markup } from "../layout.ts";

/** The end of every dialog: a possible problem, the way back, and the button that confirms. */
export function buttons(label: string, danger = false): Markup {
  return html`<p class="flash bad" role="alert" hidden></p>
    <div class="actions">
      <button class="button" value="cancel" formnovalidate data-close>Leave it</button>
      <button class="button ${danger ? "danger" : "primary"}" value="do">${label}</button>
    </div>`;
}
