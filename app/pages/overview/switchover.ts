import { html } from "hono/html";
import type { Markup } from "../layout.ts";
import { buttons } from "../parts/dialog-buttons.ts";

/** The dialogs before a switchover, and before its release. */
export function switchoverDialogs(instances: readonly string[], active: string | null): Markup {
  const other = instances.find((name) => name !== active);
  return html`<dialog id="switch-over" aria-labelledby="switch-over-title">
      <form method="dialog" data-call="POST /api/switchover">
        <h2 id="switch-over-title">Switch over</h2>
        <p>GitHub delivers to the instance that you choose, until you release it or it stops answering.</p>
        <label class="field">Instance
          <select name="to">${instances.map((name) => html`<option${name === other ? " selected" : ""}>${name}</option>`)}</select></label>
        <label class="field">Reason
          <input name="reason" maxlength="500" placeholder="such as: maintenance of the primary" autocomplete="off"></label>
        <label><input type="checkbox" name="force" value="true"> Also if it is not healthy</label>
        ${buttons("Switch over")}
      </form>
    </dialog>
    <dialog id="release" aria-labelledby="release-title">
      <form method="dialog" data-call="DELETE /api/switchover">
        <h2 id="release-title">Release the switchover</h2>
        <p>GitHub delivers to the preferred instance again as soon as that is healthy.</p>
        ${buttons("Release")}
      </form>
    </dialog>`;
}
