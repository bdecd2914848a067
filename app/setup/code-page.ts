import { html } from "hono/html";
import { type Markup, page } from "../pages/layout.ts";
import { icon } from "../pages/parts/icons.ts";

/** Asks for the one-time code. */
export function codePage(problem?: string): Markup {
  return page({
    title: "Set up",
    viewer: null,
    csrfToken: null,
    body: html`<div class="narrow">
      <h1>Set up Twinhook</h1>
      ${problem !== undefined && html`<p class="flash bad" role="alert">${icon("warning")}<span>${problem}</span></p>`}
      <form class="box" method="post" action="/setup/code"><div class="body">
        <p class="field"><label for="code">One-time code</label>
          <input id="code" name="code" class="mono" autocomplete="one-time-code" autocapitalize="characters" spellcheck="false" required placeholder="XXXX-XXXX-XXXX">
          <span class="hint">It was printed when the instance started, and anew after each use. Look at the terminal, or:
            <code>journalctl -u twinhook | grep "one-time code"</code></span></p>
        <p><button class="button primary wide">Continue</button></p>
      </div></form>
    </div>`,
  });
}
