import { html } from "hono/html";
import type { Markup } from "../layout.ts";
import { type IconName, icon } from "./icons.ts";

/** Entries one below the other, or a text when there are none. */
export function list(entries: readonly Markup[], empty: Markup): Markup {
  return entries.length === 0 ? empty : html`<ul class="rows">${entries}</ul>`;
}

/** The text of an empty list: why it is empty, and what will fill it. */
export function emptyState(name: IconName, title: string, text: Markup | string): Markup {
  return html`<div class="empty">${icon(name)}<strong>${title}</strong><p>${text}</p></div>`;
}
