import { html } from "hono/html";
import { csrfField, type Frame, type Markup, page } from "../layout.ts";
import { icon } from "../parts/icons.ts";
import { sentence } from "../parts/sentence.ts";
import type { Fields } from "../signed-in.ts";
import type { SettingsAction } from "./actions.ts";

/** Asks for confirmation. It is a page of its own; with scripts it appears above the settings. */
export function confirmPage(action: SettingsAction, fields: Fields, frame: Frame): Markup {
  return page({
    title: action.title,
    place: "settings",
    ...frame,
    body: html`<div class="narrow"><form class="box" method="post" action="/settings/${action.slug}" data-question aria-labelledby="question-title">
      <header><h1 id="question-title" class="question">${action.title}</h1></header>
      <div class="body">
        <p>${action.explain(fields)}</p>
        ${csrfField(frame.csrfToken)}
        ${action.carries.map((name) => html`<input type="hidden" name="${name}" value="${fields[name] ?? ""}">`)}
        ${
          action.asksReason &&
          html`<p class="field"><label for="reason">Reason</label>
          <input id="reason" name="reason" maxlength="500" autocomplete="off" placeholder="such as: maintenance of the primary"></p>`
        }
        <div class="actions">
          <a class="button" href="/settings" data-close>Leave it</a>
          <button class="button primary">${action.label}</button>
        </div>
      </div>
    </form></div>`,
  });
}

/** The page after a refusal: the reason, the remedy, and the way back. */
export function refusedPage(
  action: SettingsAction,
  { message, fields, insist }: { message: string; fields: Fields; insist: boolean },
  frame: Frame,
): Markup {
  const query = new URLSearchParams({ ...carried(action, fields), force: "1" });
  return page({
    title: `${action.title}: not done`,
    place: "settings",
    ...frame,
    body: html`<div class="narrow wide">
      <h1>${action.title}: not done</h1>
      <p class="flash bad" role="alert">${icon("warning")}<span>${sentence(message)}</span></p>
      <div class="actions">
        <a class="button primary" href="/settings">Back to the settings</a>
        ${insist && html`<a class="button danger" href="/settings/${action.slug}?${query.toString()}">Do it all the same</a>`}
      </div>
    </div>`,
  });
}

export function carried(action: SettingsAction, fields: Fields): Fields {
  return Object.fromEntries(
    action.carries.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name]]])),
  );
}
